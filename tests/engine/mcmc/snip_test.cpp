#include "engine/mcmc/snip.h"

#include <cmath>

#include <gtest/gtest.h>

#include "engine/mcmc/likelihoods.h"
#include "engine/mcmc/module_state.h"
#include "ops/core/catalog.h"
#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

BlockBatch batch_of(const std::vector<float>& values, const std::vector<std::int32_t>& labels, std::int64_t inputs) {
  Tensor input(static_cast<std::int64_t>(labels.size()), {inputs});
  input.data = values;
  BlockBatch batch;
  fill_batch(batch, static_cast<const Tensor&>(input).view(), labels, kLaneMultiple);
  return batch;
}

// By hand: one image (1, 2), logits (w0 + 2 w1, w2 + 2 w3) = (0, 0) at the start; without w0 = 2 they are (-2, 0), the
// loss goes from log 2 to log(1 + e^2); without w2 = 0 nothing changes.
TEST(Snip, IsTheChangeOfTheLossWhenAWeightIsSetToZero) {
  const Graph graph = layer_graph({2}, {{{}, {{"dense", 2}}}});
  Weights weights = initial_weights(graph, 1);
  weights[1].arrays = {{2, -1, 0, 0}, {0, 0}};
  const WeightScores scores = snip_scores(graph, weights, batch_of({1, 2}, {0}, 2), {});
  EXPECT_NEAR(scores[1][0][0], std::log1p(std::exp(2.0)) - std::log(2.0), 1e-5);
  EXPECT_NEAR(scores[1][0][1], std::log(2.0) - std::log1p(std::exp(-2.0)), 1e-5);
  EXPECT_EQ(scores[1][0][2], 0);
  EXPECT_TRUE(scores[1][1].empty()) << "biases are left alone";
}

TEST(Snip, JudgesEveryModuleByItsOwnHeadOnWhatItReads) {
  const Graph graph =
      layer_graph({3}, {{{{"dense", 4}, {"relu"}}, {{"dense", 2}}}, {{{"dense", 5}, {"relu"}}, {{"dense", 2}}}});
  const Weights weights = initial_weights(graph, 2);
  const WeightScores scores = snip_scores(graph, weights, batch_of({1, 2, 3, -1, 0, 2}, {0, 1}, 3), {});
  for (std::size_t n = 1; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].weights.empty()) continue;
    float sum = 0;
    for (const float score : scores[n][0]) sum += score;
    EXPECT_GT(sum, 0) << graph.nodes[n].name;
  }
}

}  // namespace
}  // namespace cleave
