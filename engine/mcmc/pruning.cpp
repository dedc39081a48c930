#include "engine/mcmc/pruning.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <tuple>

namespace cleave {

namespace {

using Grid = WeightType::Grid;

// Weights of one array that go together.
struct Block {
  std::size_t node = 0, array = 0;
  std::int64_t row = 0, column = 0;  // of its first weight
  double score = 0, size = 0;        // root mean squares of scores and weights
};

// An array as [units, inputs]: its sizes.
struct Matrix {
  std::int64_t rows = 0, columns = 0;
};

Matrix matrix_of(const WeightSlot& slot) {
  if (slot.role != Role::kernel) return {1, element_count(slot.shape)};
  return {slot.shape.front(), element_count(slot.shape) / slot.shape.front()};
}

// Calls `visit` with the flat index of every weight of a block.
template <class Visit>
void each_weight(const Matrix& matrix, const Block& block, const PruneOptions& options, Visit visit) {
  for (std::int64_t r = block.row; r < std::min(matrix.rows, block.row + options.rows); ++r)
    for (std::int64_t c = block.column; c < std::min(matrix.columns, block.column + options.columns); ++c)
      visit(static_cast<std::size_t>(r * matrix.columns + c));
}

template <class Visit>
void each_prunable(const Graph& graph, const PruneOptions& options, Visit visit) {
  for (std::size_t n = 0; n < graph.nodes.size(); ++n)
    for (std::size_t a = 0; a < graph.nodes[n].weights.size(); ++a)
      if (is_prunable(graph.nodes[n], graph.nodes[n].weights[a], options)) visit(n, a);
}

std::vector<Block> blocks_of(const Graph& graph, const Weights& weights, const WeightScores& scores, std::size_t n,
                             std::size_t a, const PruneOptions& options) {
  const Matrix matrix = matrix_of(graph.nodes[n].weights[a]);
  const std::vector<float>& values = weights[n].arrays[a];
  assert(scores[n][a].size() == values.size());
  std::vector<Block> blocks;
  for (std::int64_t row = 0; row < matrix.rows; row += options.rows)
    for (std::int64_t column = 0; column < matrix.columns; column += options.columns) {
      Block block{n, a, row, column};
      double count = 0;
      each_weight(matrix, block, options, [&](std::size_t i) {
        block.score += static_cast<double>(scores[n][a][i]) * scores[n][a][i];
        block.size += static_cast<double>(values[i]) * values[i];
        ++count;
      });
      block.score = std::sqrt(block.score / count);
      block.size = std::sqrt(block.size / count);
      blocks.push_back(block);
    }
  return blocks;
}

// Sets the share `level` of the blocks to zero.
void drop(const Graph& graph, Weights& weights, std::vector<Block> blocks, double level, const PruneOptions& options) {
  const auto key = [](const Block& b) { return std::tie(b.score, b.size, b.node, b.array, b.row, b.column); };
  const auto count = static_cast<std::ptrdiff_t>(std::llround(level * static_cast<double>(blocks.size())));
  const auto behind = blocks.begin() + std::min(count, static_cast<std::ptrdiff_t>(blocks.size()));
  std::partial_sort(blocks.begin(), behind, blocks.end(),
                    [&](const Block& a, const Block& b) { return key(a) < key(b); });
  for (auto block = blocks.begin(); block != behind; ++block)
    each_weight(matrix_of(graph.nodes[block->node].weights[block->array]), *block, options,
                [&](std::size_t i) { weights[block->node].arrays[block->array][i] = 0; });
}

// Scores of the right sizes, zero; empty where nothing is pruned.
WeightScores no_scores(const Graph& graph, const PruneOptions& options) {
  WeightScores scores(graph.nodes.size());
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) scores[n].resize(graph.nodes[n].weights.size());
  each_prunable(graph, options, [&](std::size_t n, std::size_t a) {
    scores[n][a].resize(static_cast<std::size_t>(element_count(graph.nodes[n].weights[a].shape)));
  });
  return scores;
}

}  // namespace

bool is_prunable(const Node& node, const WeightSlot& slot, const PruneOptions& options) {
  if (slot.role == Role::bias) return options.biases;
  return slot.role == Role::kernel && node.weight_type.grid != Grid::sign;
}

std::int64_t prunable_weights(const Graph& graph, const PruneOptions& options) {
  std::int64_t count = 0;
  each_prunable(graph, options,
                [&](std::size_t n, std::size_t a) { count += element_count(graph.nodes[n].weights[a].shape); });
  return count;
}

WeightScores magnitude_scores(const Graph& graph, const Weights& weights, const PruneOptions& options) {
  WeightScores scores = no_scores(graph, options);
  each_prunable(graph, options, [&](std::size_t n, std::size_t a) {
    for (std::size_t i = 0; i < scores[n][a].size(); ++i) scores[n][a][i] = std::abs(weights[n].arrays[a][i]);
  });
  return scores;
}

WeightScores inclusion_scores(const Graph& graph, std::span<const Weights> draws, const PruneOptions& options,
                              const SparsityOptions& sparsity) {
  assert(!draws.empty());
  WeightScores scores = no_scores(graph, options);
  const auto share = 1 / static_cast<float>(draws.size());
  each_prunable(graph, options, [&](std::size_t n, std::size_t a) {
    const double threshold = sparsity.threshold.value_or(spike_of(graph.nodes[n], graph.nodes[n].weights[a]));
    for (std::size_t i = 0; i < scores[n][a].size(); ++i) {
      const auto on = std::count_if(draws.begin(), draws.end(),
                                    [&](const Weights& draw) { return !is_off(draw[n].arrays[a][i], threshold); });
      scores[n][a][i] = share * static_cast<float>(on);
    }
  });
  return scores;
}

Weights prune(const Graph& graph, const Weights& weights, const WeightScores& scores, double level,
              const PruneOptions& options) {
  Weights pruned = weights;
  std::vector<Block> all;
  each_prunable(graph, options, [&](std::size_t n, std::size_t a) {
    std::vector<Block> blocks = blocks_of(graph, weights, scores, n, a, options);
    if (options.per_layer) drop(graph, pruned, std::move(blocks), level, options);
    else all.insert(all.end(), blocks.begin(), blocks.end());
  });
  drop(graph, pruned, std::move(all), level, options);
  return pruned;
}

std::int64_t zero_weights(const Graph& graph, const Weights& weights, const PruneOptions& options) {
  std::int64_t zeros = 0;
  each_prunable(graph, options, [&](std::size_t n, std::size_t a) {
    const std::vector<float>& values = weights[n].arrays[a];
    zeros += std::count(values.begin(), values.end(), 0.0F);
  });
  return zeros;
}

}  // namespace cleave
