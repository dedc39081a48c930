// birth_death: weights under a spike and slab leave zero (birth), return to it (death), and walk while they are not
// zero; with a block prior, blocks of them.
#pragma once

#include "engine/mcmc/defaults.h"
#include "engine/mcmc/proposals.h"

namespace cleave {

inline constexpr FieldDef kBirthDeathFields[] = {
    {.name = "scale",
     .kind = Kind::real,
     .doc = "width of the normal steps of weights that are not zero",
     .fallback = kProposalScale,
     .min = 1e-30,
     .max = 1e30},
    {.name = "walk",
     .kind = Kind::real,
     .doc = "share of the steps that move weights that are not zero; the others are births and deaths",
     .fallback = "0.5",
     .min = 0,
     .max = 0.99},
    {.name = "birth",
     .kind = Kind::real,
     .doc = "births are drawn from a normal of this width; from the slab if not given",
     .min = 1e-30,
     .max = 1e30}};

// As ProposalDef::propose; the prior must be a spike and slab on real weights.
double birth_death(const ProposalArgs& args, Rng& rng);

}  // namespace cleave
