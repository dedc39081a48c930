// Proposals: rules that suggest new values for the selected weights, a catalog.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/mcmc/priors.h"
#include "ops/core/op.h"
#include "ops/core/params.h"
#include "ops/core/rng.h"

namespace cleave {

struct ProposalArgs {
  const Params& params;
  WeightType::Grid grid;
  const PriorDef& prior;  // of the same weights
  const Params& prior_params;
  std::span<const float> old_values;  // of the selected weights
  std::span<float> new_values;        // as many; the old values on entry
};

struct ProposalDef {
  const char* name;
  const char* doc;  // one line
  std::span<const FieldDef> fields;
  bool on_reals = true;
  bool on_grids = false;  // of two values
  const char* shorthand = nullptr;

  // Writes new values and returns log q(old|new) - log q(new|old).
  double (*propose)(const ProposalArgs& args, Rng& rng) = nullptr;
  bool needs_prior_draws = false;  // cannot work with an improper prior

  bool runs() const { return propose != nullptr; }
};

std::span<const ProposalDef> proposal_catalog();
// The same rows for the model language.
std::vector<LawDef> proposal_laws();
// The random walk of per-filter scales, w' = w·exp(scale·z): positive scales stay positive. Not in the language.
const ProposalDef& scale_walk();

}  // namespace cleave
