#include "engine/mcmc/sparsity.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

// 2 inputs, 2 units, a head of 2: arrays weight, bias, weight, bias.
Graph graph_of(const Law& prior, const WeightType& type = {}) {
  return layer_graph({2}, {{{{"dense", 2, type, {prior, {}, {}}}}, {{"dense", 2, {}, {prior, {}, {}}}}}});
}

Weights weights_of(const Graph& graph, const std::vector<float>& kernel) {
  Weights weights = initial_weights(graph, 1);
  weights[1].arrays[0] = kernel;
  weights[1].arrays[1] = {0, 0};
  weights[2].arrays = {{0, 0, 0, 0}, {0, 0}};
  return weights;
}

TEST(Sparsity, CountsExactZerosUnderALawWithoutAPeak) {
  const Graph graph = graph_of(law("normal", "scale", 0.5));
  const ArraySparsity kernel = measure_sparsity(graph, weights_of(graph, {0.001F, 0, -2, 3})).front();
  EXPECT_EQ(kernel.prior, "normal");
  EXPECT_EQ(kernel.threshold, 0);
  EXPECT_EQ(kernel.count, 4);
  EXPECT_EQ(kernel.zeros, 1);
  EXPECT_EQ(kernel.on(), 3);
  EXPECT_NEAR(kernel.sum_abs, 5.001, 1e-6);
}

TEST(Sparsity, CountsWeightsWithinTheScaleOfALawThatPeaksAtZeroAsOff) {
  const Graph graph = graph_of(law("laplace", "scale", 0.25));
  const ArraySparsity kernel = measure_sparsity(graph, weights_of(graph, {0.25F, 0, -0.26F, 3})).front();
  EXPECT_EQ(kernel.threshold, 0.25);
  EXPECT_EQ(kernel.zeros, 1);
  EXPECT_EQ(kernel.off, 2);
  EXPECT_NEAR(kernel.sum_abs_on, 3.26, 1e-6);
}

TEST(Sparsity, AThresholdGivenTakesThePlaceOfTheLaws) {
  const Graph graph = graph_of(law("normal", "scale", 0.5));
  const Weights weights = weights_of(graph, {0.1F, 0.2F, 0.3F, 0});
  EXPECT_EQ(measure_sparsity(graph, weights, {0.2, std::nullopt}).front().off, 3);
}

// By hand: ‖w‖₀ = 3, ‖w‖₁ = 6, τ = 0.5: 4·3·log(1 + 6/1.5) = 12·log 5.
TEST(Sparsity, ChargesRealWeightsAsTheTheoremSays) {
  const Graph graph = graph_of(law("normal", "scale", 0.5));
  const auto arrays = measure_sparsity(graph, weights_of(graph, {1, 0, -2, 3}));
  EXPECT_DOUBLE_EQ(penalty_of(graph, arrays).value(), 12 * std::log(5.0));
  EXPECT_DOUBLE_EQ(penalty_term(3, 6, 0.5), 12 * std::log(5.0));
  EXPECT_EQ(penalty_term(0, 0, 0.5), 0);
}

// By hand: 4 binary weights, scales 1 and 3 as a vector of their own: 4 log 2 + 4·2·log(1 + 4/(2·2)) = 12 log 2.
TEST(Sparsity, ChargesScalesByThemselvesAndBinaryWeightsLogTwo) {
  Graph graph = graph_of(law("normal", "scale", 2.0), binary_scaled());
  Weights weights = initial_weights(graph, 1);
  for (std::size_t a = 0; a < graph.nodes[1].weights.size(); ++a)
    if (graph.nodes[1].weights[a].role == Role::scale) weights[1].arrays[a] = {1, 3};
    else if (graph.nodes[1].weights[a].role == Role::bias) weights[1].arrays[a] = {0, 0};
  weights[2].arrays = {{0, 0, 0, 0}, {0, 0}};
  EXPECT_NEAR(penalty_of(graph, measure_sparsity(graph, weights)).value(), 12 * std::log(2.0), 1e-12);
}

TEST(Sparsity, HasNoPenaltyWhereThePriorHasNoScaleAndNoneIsGiven) {
  const Graph graph = graph_of({"flat", {}});
  const Weights weights = weights_of(graph, {1, 0, -2, 3});
  EXPECT_FALSE(penalty_of(graph, measure_sparsity(graph, weights)).has_value());
  EXPECT_DOUBLE_EQ(penalty_of(graph, measure_sparsity(graph, weights, {std::nullopt, 0.5})).value(),
                   12 * std::log(5.0));
}

TEST(Sparsity, TheWholeIsChargedAtLeastAsMuchAsItsParts) {
  const Graph graph = graph_of(law("laplace", "scale", 0.01));
  const Weights weights = initial_weights(graph, 7);
  const auto arrays = measure_sparsity(graph, weights);
  double parts = 0;
  for (const ArraySparsity& array : arrays) parts += penalty_of(graph, {&array, 1}).value();
  EXPECT_GE(penalty_of(graph, arrays).value(), parts);
}

}  // namespace
}  // namespace cleave
