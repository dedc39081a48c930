// Spike and slab: a weight, or a block of them, is exactly zero with probability 1 - p and else follows the slab.
//
// The law of a block of n weights is (1 - p)·δ₀ + p·Π slab(wᵢ), a mixture of a point mass and a density on Rⁿ (Mitchell
// and Beauchamp 1988). `log_shape` is its logarithm with respect to that point plus Lebesgue measure: the mass where
// all weights are zero, the density elsewhere. Blocks are runs of consecutive weights of one filter's row, the same
// for ever; the last of a row may be shorter, and a bias is a block of its own.
#pragma once

#include "engine/mcmc/priors.h"

namespace cleave {

inline constexpr FieldDef kSlabShare = {
    .name = "p", .kind = Kind::real, .doc = "probability of the slab", .required = true, .min = 0, .max = 1};
inline constexpr FieldDef kSlab = {.name = "slab",
                                   .kind = Kind::law,
                                   .doc = "law of weights that are not zero; normal if not given",
                                   .catalog = "priors"};
inline constexpr FieldDef kSpikeFields[] = {kSlabShare, kSlab};
inline constexpr FieldDef kBlockSpikeFields[] = {kSlabShare,
                                                 {.name = "block",
                                                  .kind = Kind::integer,
                                                  .doc = "consecutive weights of a filter that are zero together",
                                                  .required = true,
                                                  .min = 1,
                                                  .max = 1e9},
                                                 kSlab};

double spike_shape(const PriorLaw& law, std::span<const float> weights);
double block_spike_shape(const PriorLaw& law, std::span<const float> block);
void spike_draw(const PriorLaw& law, std::span<float> block, Rng& rng);
std::int64_t spike_block(const Params& params);

// Returns the slab that the parameters name, a normal if none, ready for the values of the grid that are not zero.
// Throws UserError, without a place, when it cannot be one.
PriorLaw slab_of(const Params& params, const WeightGrid& grid);
// True when all of the block are zero.
bool is_zero(std::span<const float> block);

}  // namespace cleave
