#include "graphs/passes.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include <gtest/gtest.h>

#include "engine/runtime/run_node.h"
#include "ops/core/rng.h"
#include "tests/reference/reference_ops.h"
#include "tests/support/models.h"

namespace cleave {

namespace {

constexpr std::int64_t kBatch = 3;

struct Case {
  const char* name;
  const char* layers;
};

// Small networks on an image of 2x8x8, each made for one way a pass could go wrong.
const Case kCases[] = {
    {"convolution, norm, activation", "[{conv2d: {filters: 4, kernel: 3, bias: false}}, batch_norm, relu]"},
    {"norm behind a bias", "[{conv2d: {filters: 4, kernel: 3}}, batch_norm, tanh]"},
    {"norm behind a dense layer", "[flatten, {dense: {units: 5}}, batch_norm, {dense: {units: 3}}]"},
    {"norm of the input", "[batch_norm, {conv2d: {filters: 3, kernel: 3}}, batch_norm]"},
    {"two norms", "[{conv2d: {filters: 4, kernel: 1}}, batch_norm, batch_norm, relu]"},
    {"norm behind an activation", "[{conv2d: {filters: 4, kernel: 1}}, relu, batch_norm]"},
    {"grouped convolution", "[{conv2d: {filters: 4, kernel: 3, groups: 2}}, batch_norm, relu]"},
    {"residual", "[{residual: {body: [{conv2d: {filters: 2, kernel: 3, padding: same}}, batch_norm]}}, relu]"},
    {"residual with a shortcut behind its body",
     "[{residual: {body: [{conv2d: {filters: 4, kernel: 3, padding: same}}, batch_norm, relu, {conv2d: {filters: 4, "
     "kernel: 3, padding: same}}, batch_norm], shortcut: [{conv2d: {filters: 4, kernel: 1}}, batch_norm]}}, relu]"},
    {"residual of an activation", "[{residual: {body: [{conv2d: {filters: 2, kernel: 1}}, relu]}}, relu]"},
    {"add of a node and itself", "[{conv2d: {filters: 2, kernel: 1}, name: a}, {add: , from: [a, a]}, relu]"},
    {"add of three", "[{conv2d: {filters: 2, kernel: 1}, name: a}, {tanh: , name: b}, {add: , from: [a, b, input]}]"},
    {"shared producer", "[{conv2d: {filters: 2, kernel: 1}, name: a}, {relu: , name: b}, {add: , from: [a, b]}]"},
    {"producer read by two norms",
     "[{conv2d: {filters: 2, kernel: 1}, name: a}, {batch_norm: , name: b}, {batch_norm: , from: a, name: c}, {add: , "
     "from: [b, c]}]"},
    {"dropout", "[{dropout: {probability: 0.5}}, {conv2d: {filters: 2, kernel: 3}}, dropout, relu, dropout]"},
    {"dropout of the input, added", "[{dropout: , name: d}, {tanh: , from: input, name: t}, {add: , from: [d, t]}]"},
    {"dead nodes", "[{tanh: , name: dead}, {conv2d: {filters: 9, kernel: 3}}, {relu: , from: input}]"},
    {"binary scaled convolution",
     "[sign, {conv2d: {filters: 4, kernel: 3}, weights: {binary: [-1, 1], scale: per_filter}}, batch_norm, sign]"},
    {"binary convolution without scale",
     "[sign, {conv2d: {filters: 4, kernel: 3}, weights: {binary: [-1, 1]}}, batch_norm, relu]"},
    {"softmax behind a layer", "[flatten, {dense: {units: 5}}, softmax]"},
    {"concat of fused layers",
     "[{parallel: {branches: [[{conv2d: {filters: 3, kernel: 1}}, relu], [tanh]]}}, sigmoid]"},
};

// Random weights, and statistics as far from mean 0 and variance 1 as trained ones are.
Weights random_weights(const Graph& graph) {
  Weights weights = initial_weights(graph, 5);
  Rng rng(11, kTestStream, 0);
  for (std::size_t n = 0; n < weights.size(); ++n)
    for (std::size_t a = 0; a < weights[n].arrays.size(); ++a)
      if (graph.nodes[n].weights[a].role != Role::kernel)
        for (float& value : weights[n].arrays[a]) value = static_cast<float>(0.5 + rng.uniform());
  return weights;
}

float input_value(std::size_t i) { return static_cast<float>(std::sin(0.7 * static_cast<double>(i) + 0.3)); }

// The outputs of all modules' bodies and heads, by the runtime's executor.
std::vector<float> run(const Graph& graph, const Weights& weights) {
  Frame frame(graph, kBatch);
  frame.count = kBatch;
  const TensorView input = frame.slot(NodeId{0});
  for (std::int64_t i = 0; i < kBatch * element_count(*input.shape); ++i)
    input.data[i] = input_value(static_cast<std::size_t>(i));
  run_graph(graph, pack_weights(graph, weights), frame);
  std::vector<float> all;
  for (const Module& module : graph.modules)
    for (const NodeId id : {module.body, module.head}) {
      if (id == NodeId::none) continue;
      const ConstTensorView output = frame.output(id);
      all.insert(all.end(), output.data, output.data + kBatch * element_count(*output.shape));
    }
  return all;
}

// The same by the reference ops; for graphs as written, without fused nodes.
std::vector<float> run_reference(const Graph& graph, const Weights& weights) {
  Tensor input(kBatch, graph.nodes[0].type.shape);
  for (std::size_t i = 0; i < input.data.size(); ++i) input.data[i] = input_value(i);
  std::vector<NchwTensor> slots = {to_nchw(std::as_const(input).view())};
  for (std::size_t n = 1; n < graph.nodes.size(); ++n) {
    std::vector<NchwTensor> inputs;
    for (const NodeId id : graph.nodes[n].inputs) inputs.push_back(slots[index_of(id)]);
    slots.push_back(reference_forward(*graph.nodes[n].op, graph.nodes[n].params, inputs, weights[n]));
  }
  std::vector<float> all;
  for (const Module& module : graph.modules)
    for (const NodeId id : {module.body, module.head}) {
      if (id == NodeId::none) continue;
      const Tensor output = to_nhwc(slots[index_of(id)]);
      all.insert(all.end(), output.data.begin(), output.data.end());
    }
  return all;
}

void expect_same(const std::vector<float>& a, const std::vector<float>& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  float largest = 0;
  for (const float value : a) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], 1e-4F * std::max(1.0F, largest)) << what << " " << i;
}

// Two modules; the second reads the body of the first, which therefore may not be absorbed.
Graph two_modules() {
  return model_of(
             "version: 1\nnetwork:\n  input: {image: [2, 8, 8]}\n  modules:\n"
             "    - {name: a, body: [{conv2d: {filters: 3, kernel: 3}}], head: [relu, flatten, {dense: {units: 4}}]}\n"
             "    - {name: b, body: [batch_norm, relu], head: [{conv2d: {filters: 2, kernel: 1}}, batch_norm, relu]}\n")
      .graph;
}

std::vector<Graph> all_graphs() {
  std::vector<Graph> graphs = {two_modules()};
  for (const Case& c : kCases) {
    graphs.push_back(layers_of(c.layers).graph);
    graphs.back().name = c.name;
  }
  return graphs;
}

TEST(Passes, TheExecutorAgreesWithTheReference) {
  for (const Graph& graph : all_graphs())
    expect_same(run(graph, random_weights(graph)), run_reference(graph, random_weights(graph)), graph.name);
}

TEST(Passes, EachKeepsTheOutputs) {
  for (const Graph& graph : all_graphs())
    for (const Pass& pass : pass_catalog()) {
      Graph rewritten = graph;
      Weights weights = random_weights(graph);
      pass.run(rewritten, weights);
      expect_same(run(graph, random_weights(graph)), run(rewritten, weights), graph.name + ", " + pass.name);
    }
}

TEST(Passes, TogetherKeepTheOutputs) {
  for (const Graph& graph : all_graphs()) {
    Graph rewritten = graph;
    Weights weights = random_weights(graph);
    run_passes(rewritten, weights);
    expect_same(run(graph, random_weights(graph)), run(rewritten, weights), graph.name);
  }
}

TEST(Passes, LeaveASoundGraph) {
  for (const Graph& graph : all_graphs()) {
    Graph rewritten = graph;
    Weights weights = random_weights(graph);
    for (const Pass& pass : pass_catalog()) {
      pass.run(rewritten, weights);
      EXPECT_EQ(check_graph(rewritten), std::vector<std::string>{}) << graph.name << ", " << pass.name;
      EXPECT_EQ(weights.size(), rewritten.nodes.size()) << graph.name << ", " << pass.name;
    }
  }
}

TEST(Passes, AreIdempotent) {
  for (const Graph& graph : all_graphs()) {
    Graph rewritten = graph;
    Weights weights = random_weights(graph);
    for (const Pass& pass : pass_catalog()) {
      pass.run(rewritten, weights);
      const std::vector<std::string> names = node_names(rewritten);
      const Weights before = weights;
      pass.run(rewritten, weights);
      EXPECT_EQ(node_names(rewritten), names) << graph.name << ", " << pass.name;
      EXPECT_EQ(weights, before) << graph.name << ", " << pass.name;
    }
  }
}

std::size_t nodes_left(const std::string& layers) {
  Graph graph = layers_of(layers).graph;
  Weights weights = random_weights(graph);
  run_passes(graph, weights);
  return graph.nodes.size();
}

TEST(Passes, FuseWhatTheyCan) {
  EXPECT_EQ(nodes_left(kCases[0].layers), 2U);                                              // input, convolution
  EXPECT_EQ(nodes_left("[{conv2d: {filters: 9, kernel: 3}}, {relu: , from: input}]"), 2U);  // input, relu
  EXPECT_EQ(nodes_left("[dropout, dropout]"), 1U);
}

TEST(Passes, LeaveASharedProducerAlone) {
  EXPECT_EQ(nodes_left("[{conv2d: {filters: 2, kernel: 1}, name: a}, {relu: , name: b}, {add: , from: [a, b]}]"), 4U);
}

// The graph with node `node` rounded to halves.
Graph halved(const std::string& layers, std::int32_t node) {
  Graph graph = layers_of(layers).graph;
  graph.node(NodeId{node}).type.dtype = DType::f16;
  return graph;
}

TEST(Passes, DoNothingAcrossARoundingToHalves) {
  for (const auto& [layers, node, left] : {std::tuple(kCases[0].layers, 1, 4U),
                                           {kCases[0].layers, 2, 3U},
                                           {kCases[0].layers, 3, 2U},
                                           {"[{conv2d: {filters: 2, kernel: 1}}, dropout, relu]", 2, 4U}}) {
    const Graph graph = halved(layers, node);
    Graph rewritten = graph;
    Weights weights = random_weights(graph);
    run_passes(rewritten, weights);
    EXPECT_EQ(rewritten.nodes.size(), left) << layers << node;
    const std::vector<float> before = run(graph, random_weights(graph)), after = run(rewritten, weights);
    for (std::size_t i = 0; i < before.size(); ++i) ASSERT_NEAR(before[i], after[i], 2e-3 * (1 + std::abs(before[i])));
  }
}

TEST(Passes, DoTheSameToAGraphWithoutWeights) {
  for (const Graph& graph : all_graphs()) {
    Graph with = graph, without = graph;
    Weights weights = random_weights(graph), none;
    run_passes(with, weights);
    run_passes(without, none);
    EXPECT_EQ(structure_hash(with), structure_hash(without)) << graph.name;
    EXPECT_TRUE(none.empty());
  }
}

TEST(Passes, NeverAbsorbABodyTheNextModuleReads) {
  Graph graph = two_modules();
  Weights weights = random_weights(graph);
  run_passes(graph, weights);
  const std::vector<std::string> names = node_names(graph);
  EXPECT_NE(std::find(names.begin(), names.end(), "a/conv2d"), names.end());
}

}  // namespace

}  // namespace cleave
