#include "engine/cli/command.h"
#include "engine/data/dataset.h"
#include "engine/mcmc/likelihoods.h"
#include "engine/mcmc/priors.h"
#include "engine/mcmc/proposals.h"
#include "engine/mcmc/selectors.h"
#include "partitioner/presets.h"

namespace cleave {

Language cleave_language() {
  Language language;
  language.ops = op_catalog();
  language.priors = prior_laws();
  language.proposals = proposal_laws();
  language.selectors = selector_laws();
  language.losses = likelihood_laws();
  language.presets = preset_laws();
  for (const DatasetDef& set : dataset_catalog()) {
    LawDef law{};
    law.name = set.name;
    law.doc = set.doc;
    language.datasets.push_back(law);
  }
  return language;
}

}  // namespace cleave
