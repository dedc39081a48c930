#include "engine/mcmc/pruning.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

// 4 inputs -> 2 units -> 3 classes: 8 and 6 kernel weights, 5 biases.
Graph small() { return layer_graph({4}, {{{{"dense", 2}}, {{"dense", 3}}}}); }

Weights small_weights(const Graph& graph) {
  Weights weights = initial_weights(graph, 1);
  weights[1].arrays = {{1, -8, 3, 0.5F, -2, 7, 0.25F, 4}, {0.01F, 0.02F}};
  weights[2].arrays = {{10, -0.1F, 20, 30, 40, 50}, {0.01F, 0.02F, 0.03F}};
  return weights;
}

Weights pruned_by_size(double level, const PruneOptions& options) {
  const Graph graph = small();
  const Weights weights = small_weights(graph);
  return prune(graph, weights, magnitude_scores(graph, weights, options), level, options);
}

TEST(Pruning, DropsTheSmallestWeightsOfTheWholeNetwork) {
  const Weights pruned = pruned_by_size(5.0 / 14, {});
  EXPECT_EQ(pruned[1].arrays[0], (std::vector<float>{0, -8, 3, 0, 0, 7, 0, 4}));
  EXPECT_EQ(pruned[2].arrays[0], (std::vector<float>{10, 0, 20, 30, 40, 50}));
}

TEST(Pruning, DropsTheSmallestWeightsOfEveryLayerByItselfWhenAsked) {
  const Weights pruned = pruned_by_size(0.5, {.per_layer = true});
  EXPECT_EQ(pruned[1].arrays[0], (std::vector<float>{0, -8, 3, 0, 0, 7, 0, 4}));
  EXPECT_EQ(pruned[2].arrays[0], (std::vector<float>{0, 0, 0, 30, 40, 50}));
}

TEST(Pruning, LeavesBiasesUnlessAsked) {
  EXPECT_EQ(pruned_by_size(1, {})[1].arrays[1], (std::vector<float>{0.01F, 0.02F}));
  const Weights pruned = pruned_by_size(6.0 / 19, {.biases = true});
  EXPECT_EQ(pruned[2].arrays[1], (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(pruned[2].arrays[0], (std::vector<float>{10, 0, 20, 30, 40, 50}));
}

TEST(Pruning, PrunesExactlyTheShareAskedFor) {
  const Graph graph = layer_graph({37}, {{{{"dense", 11}}, {{"dense", 7}}}});
  const Weights weights = initial_weights(graph, 3);
  const WeightScores scores = magnitude_scores(graph, weights, {});
  const auto count = static_cast<double>(prunable_weights(graph, {}));
  for (const double level : {0.0, 0.1, 0.5, 0.9, 0.98, 0.999, 1.0})
    EXPECT_EQ(zero_weights(graph, prune(graph, weights, scores, level, {}), {}), std::llround(level * count));
}

TEST(Pruning, AHigherLevelPrunesWhatALowerOneDoes) {
  const Graph graph = layer_graph({37}, {{{{"dense", 11}}, {{"dense", 7}}}});
  const Weights weights = initial_weights(graph, 3);
  WeightScores scores = magnitude_scores(graph, weights, {});
  for (auto& arrays : scores)
    for (auto& array : arrays) std::fill(array.begin(), array.end(), 1.0F);  // all alike: sizes decide
  const Weights low = prune(graph, weights, scores, 0.4, {});
  const Weights high = prune(graph, weights, scores, 0.6, {});
  for (std::size_t i = 0; i < 407; ++i) EXPECT_TRUE(low[1].arrays[0][i] != 0 || high[1].arrays[0][i] == 0);
}

TEST(Pruning, DropsWholeBlocksByTheirNorm) {
  // Rows [1 -8 | 3 0.5] [-2 7 | 0.25 4]: norms of 2x2 blocks, by mean square: 29.5, 6.3; the head is one 3x2 of larger
  // ones: [10 -0.1; 20 30], [40 50].
  const Weights pruned = pruned_by_size(0.25, {.rows = 2, .columns = 2});
  EXPECT_EQ(pruned[1].arrays[0], (std::vector<float>{1, -8, 0, 0, -2, 7, 0, 0}));
  EXPECT_EQ(pruned[2].arrays[0], small_weights(small())[2].arrays[0]);
}

TEST(Pruning, ScoresInclusionByTheShareOfDrawsInWhichAWeightIsOn) {
  const Graph graph = layer_graph({2}, {{{{"dense", 1, {}, {law("laplace", "scale", 0.1), {}, {}}}}, {{"dense", 2}}}});
  std::vector<Weights> draws(4, initial_weights(graph, 1));
  for (std::size_t d = 0; d < 4; ++d) draws[d][1].arrays[0] = {d == 0 ? 0.1F : 0.2F, d < 2 ? 5.0F : 0.0F};
  const WeightScores scores = inclusion_scores(graph, draws, {});
  EXPECT_EQ(scores[1][0], (std::vector<float>{0.75F, 0.5F}));
  EXPECT_EQ(inclusion_scores(graph, draws, {}, {1.0, {}})[1][0], (std::vector<float>{0, 0.5F}));
  const Weights pruned = prune(graph, draws[0], scores, 0.25, {});
  EXPECT_EQ(pruned[1].arrays[0], (std::vector<float>{0.1F, 0})) << "the larger weight is less often on";
}

TEST(Pruning, NeverTouchesWeightsThatCannotBeZero) {
  const Graph graph = layer_graph({4}, {{{{"dense", 2, binary_scaled()}}, {{"dense", 3}}}});
  const Weights weights = initial_weights(graph, 1);
  EXPECT_EQ(prunable_weights(graph, {}), 6);
  EXPECT_EQ(prune(graph, weights, magnitude_scores(graph, weights, {}), 1, {})[1], weights[1]);
}

}  // namespace
}  // namespace cleave
