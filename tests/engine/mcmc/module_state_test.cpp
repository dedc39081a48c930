#include "engine/mcmc/module_state.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "engine/mcmc/chain.h"
#include "ops/core/catalog.h"
#include "ops/core/half.h"
#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

constexpr std::int64_t kImages = 150;  // not a multiple of the lanes
const Shape kImage = {1, 5, 5};

struct Images {
  Tensor pixels{kImages, kImage};
  std::vector<std::int32_t> labels;
  BlockBatch batch;

  explicit Images(std::int64_t lanes = 32) {
    Rng rng(7, kTestStream, 0);
    for (float& pixel : pixels.data) pixel = rng.below(3) == 0 ? 0.0F : static_cast<float>(rng.uniform());
    for (std::int64_t i = 0; i < kImages; ++i) labels.push_back(static_cast<std::int32_t>(rng.below(4)));
    fill_batch(batch, static_cast<const Tensor&>(pixels).view(), labels, lanes);
  }
};

const LikelihoodDef& likelihood(const char* name = "cross_entropy") { return *find(likelihood_catalog(), name); }

// Real and binary layers, every activation, two layers in a body and in a head.
Graph mixed_graph(const Law& select = {}) {
  const LearningRule rule{{}, {}, select};
  return layer_graph(
      kImage, {{{{"flatten"}, {"dense", 9, binary_scaled(), rule}, {"sign"}, {"dense", 8, {}, rule}, {"relu"}},
                {{"dense", 7, {}, rule}, {"tanh"}, {"dense", 6, {}, rule}, {"sigmoid"}, {"dense", 4, {}, rule}}}});
}

// All outputs of the graph by the ops' own `forward`.
std::vector<Tensor> forward_outputs(const Graph& graph, const Weights& weights, const Tensor& input) {
  std::vector<Tensor> outputs = {input};
  for (std::size_t n = 1; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    Tensor output(input.batch, node.type.shape);
    PackedWeights packed;
    if (node.op->pack != nullptr) packed = node.op->pack(node.params, input_types(graph, node), weights[n]);
    const ConstTensorView view = static_cast<const Tensor&>(outputs[index_of(node.inputs[0])]).view();
    node.op->forward({node.params, {&view, 1}, &packed, output.view()});
    if (node.type.dtype == DType::f16) round_to_f16(output.data);
    outputs.push_back(std::move(output));
  }
  return outputs;
}

// Largest difference between the state's outputs and `forward`'s.
double distance(const Graph& graph, const Weights& weights, const ModuleState& state, const Images& images) {
  const std::vector<Tensor> expected = forward_outputs(graph, weights, images.pixels);
  double worst = 0;
  for (std::size_t n = 1; n < graph.nodes.size(); ++n) {
    Tensor seen(kImages, graph.nodes[n].type.shape);
    for (std::int64_t b = 0; b < images.batch.blocks(); ++b)
      from_block(state.output(static_cast<NodeId>(n), b), b * images.batch.lanes, seen.view());
    for (std::size_t i = 0; i < seen.data.size(); ++i)
      worst = std::max(worst, static_cast<double>(std::abs(seen.data[i] - expected[n].data[i])));
  }
  return worst;
}

// The body's output is sent as halves.
Graph halved_graph() {
  Graph graph = layer_graph(kImage, {{{{"flatten"}, {"dense", 9}}, {{"tanh"}, {"dense", 4}}}});
  graph.node(graph.modules[0].body).type.dtype = DType::f16;
  return graph;
}

ChainOptions options_for(double lambda) { return {.lambda = lambda, .seed = 3, .stream = kTestStream}; }

TEST(ModuleState, FirstEvaluationEqualsForward) {
  const Graph graph = mixed_graph();
  Weights weights = initial_weights(graph, 5);
  const Images images;
  ModuleState state(graph, ModuleId{0}, likelihood());
  state.set_batch(images.batch, weights);
  EXPECT_LT(distance(graph, weights, state, images), 1e-5);
}

TEST(ModuleState, RoundsABodySentAsHalvesWhereItIsComputed) {
  const Graph graph = halved_graph();
  Weights weights = initial_weights(graph, 5);
  const Images images;
  ModuleState state(graph, ModuleId{0}, likelihood());
  state.set_batch(images.batch, weights);
  EXPECT_LT(distance(graph, weights, state, images), 1e-3);
  BlockBatch sent, rounded;
  state.copy_body(sent);
  rounded = sent;
  for (std::int64_t b = 0; b < rounded.blocks(); ++b)
    round_to_f16({rounded.block(b).data, static_cast<std::size_t>(rounded.block(b).size())});
  EXPECT_EQ(sent.values, rounded.values);
}

// Changes are added to what the layer gave, not to what was rounded: thousands of roundings would add up.
TEST(ModuleState, RoundingDoesNotAddUpOverThousandsOfSteps) {
  const Graph graph = halved_graph();
  Weights weights = initial_weights(graph, 5);
  const Images images;
  Chain chain(graph, ModuleId{0}, likelihood(), options_for(0.05));
  chain.set_batch(images.batch, weights);
  chain.run(6000);
  EXPECT_GT(chain.counts().body_accepted, 1000);
  EXPECT_LT(distance(graph, weights, chain.state(), images), 0.02);
  ModuleState anew(graph, ModuleId{0}, likelihood());
  anew.set_batch(images.batch, weights);
  EXPECT_NEAR(chain.loss(), anew.loss(), 1e-4 * anew.loss());
}

TEST(ModuleState, ThousandsOfAcceptedStepsDriftLessThanOneInTenThousand) {
  for (const Law& select : {Law{}, Law{"one_unit", {}}, law("uniform", "count", std::int64_t{5}), Law{"layer", {}}}) {
    const Graph graph = mixed_graph(select);
    Weights weights = initial_weights(graph, 5);
    const Images images;
    Chain chain(graph, ModuleId{0}, likelihood(), options_for(0.05));
    chain.set_batch(images.batch, weights);
    chain.run(6000);
    EXPECT_GT(chain.counts().body_accepted + chain.counts().head_accepted, 2000);
    ModuleState anew(graph, ModuleId{0}, likelihood());
    anew.set_batch(images.batch, weights);
    EXPECT_NEAR(chain.loss(), anew.loss(), 1e-4 * anew.loss()) << select.name;
  }
}

TEST(ModuleState, OutputsAfterManyStepsEqualForward) {
  const Graph graph = layer_graph(kImage, {{{{"flatten"}, {"dense", 9}, {"relu"}}, {{"dense", 4}}}});
  Weights weights = initial_weights(graph, 5);
  const Images images;
  Chain chain(graph, ModuleId{0}, likelihood(), options_for(0.05));
  chain.set_batch(images.batch, weights);
  chain.run(4000);
  EXPECT_LT(distance(graph, weights, chain.state(), images), 1e-3);
}

TEST(ModuleState, RejectingRestoresWeightsAndLossToTheBit) {
  const Graph graph = mixed_graph();
  Weights weights = initial_weights(graph, 5);
  const Weights before = weights;
  const Images images;
  ModuleState state(graph, ModuleId{0}, likelihood());
  state.set_batch(images.batch, weights);
  const double loss = state.loss();
  for (const std::int32_t layer : {2, 4, 6}) {
    EXPECT_NE(state.propose(NodeId{layer}, std::vector<Move>{{0, 3, 0.7F}, {0, 11, -5.0F}}), loss);
    state.reject();
    EXPECT_EQ(state.loss(), loss);
    EXPECT_EQ(weights, before);
  }
}

// The loss after some steps of a chain on this graph.
double loss_after_steps(const Graph& graph) {
  const Images images;
  Weights weights = initial_weights(graph, 5);
  Chain chain(graph, ModuleId{0}, likelihood(), options_for(0.05));
  chain.set_batch(images.batch, weights);
  chain.run(200);
  return chain.loss();
}

TEST(ModuleState, AnOpWithoutUpdateGivesTheSameChain) {
  Graph graph = mixed_graph();
  const double with_update = loss_after_steps(graph);
  std::vector<OpDef> plain;
  plain.reserve(graph.nodes.size());
  for (const std::size_t n : {1U, 3U, 4U, 7U}) {
    plain.push_back(*graph.nodes[n].op);
    plain.back().reach = nullptr;
    plain.back().update = nullptr;
    graph.nodes[n].op = &plain.back();
  }
  EXPECT_NEAR(loss_after_steps(graph), with_update, 1e-4 * with_update);
}

TEST(ModuleState, BlocksThatAProposalDoesNotReachKeepTheirLoss) {
  const Graph graph = layer_graph({2}, {{{{"dense", 3}}, {{"dense", 4}}}});
  Weights weights = initial_weights(graph, 5);
  BlockBatch batch;
  const Tensor black(40, {2});
  fill_batch(batch, black.view(), std::vector<std::int32_t>(40, 1), 16);
  ModuleState state(graph, ModuleId{0}, likelihood());
  state.set_batch(batch, weights);
  EXPECT_EQ(state.propose(NodeId{1}, std::vector<Move>{{0, 1, 9.0F}}), state.loss());
}

TEST(ModuleState, EveryLikelihoodKeepsItsLossUpToDate) {
  for (const LikelihoodDef& def : likelihood_catalog()) {
    const Graph graph = mixed_graph();
    Weights weights = initial_weights(graph, 5);
    const Images images;
    Chain chain(graph, ModuleId{0}, def, options_for(0.05));
    chain.set_batch(images.batch, weights);
    chain.run(1500);
    ModuleState anew(graph, ModuleId{0}, def);
    anew.set_batch(images.batch, weights);
    EXPECT_NEAR(chain.loss(), anew.loss(), 1e-4 * anew.loss() + 1e-9) << def.name;
  }
}

TEST(ModuleState, EveryLikelihoodIsFiniteOnExtremeOutputs) {
  for (const LikelihoodDef& def : likelihood_catalog()) {
    const Graph graph = mixed_graph();
    Weights weights = initial_weights(graph, 5);
    for (float& w : weights[10].arrays[0]) w *= 1e12F;
    const Images images;
    ModuleState state(graph, ModuleId{0}, def);
    state.set_batch(images.batch, weights);
    EXPECT_TRUE(std::isfinite(state.loss())) << def.name;
    EXPECT_GE(state.loss(), 0) << def.name;
  }
}

TEST(ModuleState, TheBodyIsHandedOnAsItWasAccepted) {
  const Graph graph = mixed_graph();
  Weights weights = initial_weights(graph, 5);
  const Images images;
  Chain chain(graph, ModuleId{0}, likelihood(), options_for(0.05));
  chain.set_batch(images.batch, weights);
  chain.run(500);
  BlockBatch sent;
  chain.state().copy_body(sent);
  EXPECT_EQ(sent.labels, images.batch.labels);
  EXPECT_EQ(sent.shape, (Shape{8}));
  for (std::int64_t b = 0; b < sent.blocks(); ++b)
    for (std::int64_t i = 0; i < sent.block_size(); ++i)
      ASSERT_EQ(sent.block(b).data[i], chain.state().output(NodeId{5}, b).data[i]);
}

}  // namespace
}  // namespace cleave
