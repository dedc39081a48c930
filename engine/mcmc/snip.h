// What a loss says about weights before training: the connection sensitivity of SNIP, without gradients.
#pragma once

#include "engine/mcmc/block_batch.h"
#include "engine/mcmc/pruning.h"

namespace cleave {

// Returns, for every prunable weight i, |L(w with w_i = 0) − L(w)|: how much the summed loss of its module's head on
// `batch` changes when the weight alone is set to zero; later modules read what the modules before send of the whole
// `weights`. Lee et al. 2018 (SNIP, eq. 3) define the sensitivity by this difference and then put |w_i ∂L/∂w_i|, its
// first order, in its place; here it is evaluated itself, weight by weight, which needs forward passes only. 0 for
// weights that are zero. Throws UserError where a module has no head or one that its loss cannot be taken of.
WeightScores snip_scores(const Graph& graph, Weights weights, const BlockBatch& batch, const PruneOptions& options);

}  // namespace cleave
