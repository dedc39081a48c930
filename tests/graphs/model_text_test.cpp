// A graph written as a model and read again is the same graph.
#include "graphs/model_text.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "graphs/layer_structure.h"
#include "ops/core/catalog.h"
#include "ops/core/rng.h"
#include "tests/ops/defs/op_samples.h"
#include "tests/support/models.h"

namespace cleave {
namespace {

// What is wrong with the text of `graph`; empty when reading it gives the same nodes, reading each other alike.
std::string text_fault(const Graph& graph) {
  const ModelText text = model_text(graph, "test", "", "");
  const Graph again = model_of(text.text).graph;
  if (again.nodes.size() != text.nodes.size() + 1) return "other nodes in\n" + text.text;
  const auto before = [&](NodeId id) { return id == NodeId{0} ? id : text.nodes.at(index_of(id) - 1); };
  for (std::size_t n = 1; n < again.nodes.size(); ++n) {
    const Node& node = again.nodes[n];
    const Node& was = graph.node(text.nodes[n - 1]);
    std::vector<NodeId> reads;
    for (const NodeId input : node.inputs) reads.push_back(before(input));
    std::vector<NodeId> wanted = was.inputs;
    if (std::string_view(node.op->name) == "add")
      std::sort(reads.begin(), reads.end()), std::sort(wanted.begin(), wanted.end());
    if (node.op != was.op || node.type != was.type || reads != wanted)
      return node.name + " is another in\n" + text.text;
  }
  return before(again.output) == graph.output ? "" : "another output in\n" + text.text;
}

Node node_of(const char* op, const std::vector<NodeId>& inputs, const Graph& graph) {
  Node node;
  node.op = find(op_catalog(), op);
  node.inputs = inputs;
  if (node.op->weights != nullptr) node.params.set("units", graph.nodes.front().type.shape.front());
  std::vector<TensorType> types;
  for (const NodeId input : inputs) types.push_back(graph.node(input).type);
  node.type = node.op->infer(node.params, types);
  return node;
}

// A random graph of vectors; names are sometimes there and sometimes the same.
Graph random_graph(std::uint64_t seed) {
  Rng rng(seed, kTestStream, 1);
  Graph graph;
  graph.nodes.emplace_back();
  graph.nodes.front().type = {DType::f32, {4}};
  const auto any = [&] {
    return NodeId{static_cast<std::int32_t>(rng.below(static_cast<std::int64_t>(graph.nodes.size())))};
  };
  for (std::int64_t n = 0; n < 3 + static_cast<std::int64_t>(seed % 30); ++n) {
    const NodeId last{static_cast<std::int32_t>(graph.nodes.size() - 1)};
    const std::int64_t kind = rng.below(8);
    const NodeId read = rng.below(3) == 0 ? any() : last;
    if (kind == 0) graph.nodes.push_back(node_of("dense", {read}, graph));
    else if (kind < 4) graph.nodes.push_back(node_of(kind == 1 ? "relu" : "tanh", {read}, graph));
    else if (graph.node(read).type == graph.node(last).type) graph.nodes.push_back(node_of("add", {read, last}, graph));
    else graph.nodes.push_back(node_of("dense", {last}, graph));
    if (rng.below(2) == 0) graph.nodes.back().name = rng.below(3) == 0 ? "input" : "a.b" + std::to_string(rng.below(9));
  }
  graph.output = NodeId{static_cast<std::int32_t>(graph.nodes.size() - 1)};
  return graph;
}

TEST(ModelText, RandomGraphsAreReadAgainAsTheyWere) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) ASSERT_EQ(text_fault(random_graph(seed)), "") << "seed " << seed;
}

TEST(ModelText, ShippedListsOfLayersAreReadAgainAsTheyWere) {
  int found = 0;
  for (const auto& path : all_model_files()) {
    const Model model = load_model(path.string(), cleave_language());
    if (model.reading.spec.layers.empty()) continue;
    EXPECT_EQ(text_fault(model.graph), "") << path;
    ++found;
  }
  EXPECT_GT(found, 0);
}

std::string layers_text(const std::string& layers) {
  const std::string text = model_text(layers_of(layers).graph, "test", "", "").text;
  return text.substr(text.find("layers:\n") + 8);
}

TEST(ModelText, RepeatsBeginWithALayerThatHasAKernel) {
  EXPECT_EQ(layers_text("[tanh, {conv2d: {filters: 2, kernel: 1}}, tanh, {conv2d: {filters: 2, kernel: 1}}, tanh]"),
            "    - tanh\n    - repeat:\n        times: 2\n        body:\n          - conv2d: {filters: 2, kernel: 1}\n"
            "          - tanh\n");
}

TEST(ModelText, BlocksStandAsBlocks) {
  const std::string residual = "    - residual:\n        body:\n          - relu\n          - tanh\n";
  EXPECT_EQ(layers_text("[{residual: {body: [relu, tanh]}}]"), residual);
  EXPECT_EQ(layers_text("[{residual: {body: [relu, tanh], shortcut: [sigmoid]}}]"),
            residual + "        shortcut:\n          - sigmoid\n");
  EXPECT_EQ(layers_text("[{parallel: {join: add, branches: [[relu], [tanh], [sign, relu]]}}]"),
            "    - parallel:\n        join: add\n        branches:\n          - - relu\n          - - tanh\n"
            "          - - sign\n            - relu\n");
}

TEST(ModelText, WaysThatCrossReadEachOtherByName) {
  EXPECT_EQ(layers_text("[{relu: {}, name: a}, {tanh: {}, name: b}, {add: {}, from: [a, b], name: c}, "
                        "{add: {}, from: [c, b]}]"),
            "    - relu: {}\n      name: a\n    - tanh: {}\n      name: b\n    - add: {}\n      name: c\n"
            "      from: [a, b]\n    - add: {}\n      from: [c, b]\n");
}

TEST(ModelName, HoldsWhatNamesMay) {
  EXPECT_EQ(model_name("ResNet 18 (v1.5)", "x"), "ResNet_18_v1_5");
  EXPECT_EQ(model_name("18", "x"), "x");
  EXPECT_EQ(model_name("", "x"), "x");
}

}  // namespace
}  // namespace cleave
