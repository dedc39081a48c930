// Pruning: the weights that matter least are set to zero.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/mcmc/sparsity.h"
#include "graphs/graph.h"

namespace cleave {

// How much each weight matters, by node, array and index as Weights; an array that is never pruned is empty. Of two
// weights that matter alike, the smaller one goes first, and of two as large the first one.
using WeightScores = std::vector<std::vector<std::vector<float>>>;

struct PruneOptions {
  bool biases = false;       // biases may be pruned, too
  bool per_layer = false;    // the level holds for every array by itself; else for all prunable weights together
  std::int64_t rows = 1;     // weights go in blocks of rows × columns of [units, inputs], those at the edges smaller
  std::int64_t columns = 1;  // kernels are flattened behind their first size
};

// Whether weights of this array may be set to zero: real kernels and those whose grid has a zero; biases when asked.
bool is_prunable(const Node& node, const WeightSlot& slot, const PruneOptions& options);
// The number of weights of prunable arrays.
std::int64_t prunable_weights(const Graph& graph, const PruneOptions& options);

// |w|.
WeightScores magnitude_scores(const Graph& graph, const Weights& weights, const PruneOptions& options);
// The share of the draws (at least one) in which a weight is on, see ArraySparsity: its posterior inclusion.
WeightScores inclusion_scores(const Graph& graph, std::span<const Weights> draws, const PruneOptions& options,
                              const SparsityOptions& sparsity = {});

// Returns the weights with the share `level` (0 … 1, rounded to the nearest whole number of blocks) of the prunable
// blocks set to zero: those that matter least by `scores`, a block as much as the root mean square of its weights'
// scores. A higher level prunes what a lower one does, and more. Weights that are zero already count as pruned.
Weights prune(const Graph& graph, const Weights& weights, const WeightScores& scores, double level,
              const PruneOptions& options);

// Returns the number of exact zeros in prunable arrays.
std::int64_t zero_weights(const Graph& graph, const Weights& weights, const PruneOptions& options);

}  // namespace cleave
