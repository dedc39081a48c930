#include "graphs/build.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "tests/support/models.h"

namespace cleave {

namespace {

using Names = std::vector<std::string>;

const Node& node_called(const Graph& graph, const std::string& name) {
  return *std::find_if(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) { return node.name == name; });
}

Graph modules_of(const std::string& settings, const std::string& module, const std::string& layer) {
  return model_of("version: 1\nnetwork:\n  input: {vector: 4}\n" + settings + "  modules:\n    - name: m\n" + module +
                  "      head:\n        - dense: {units: 2}\n" + layer)
      .graph;
}

TEST(Build, ABodySentAsHalvesGivesHalves) {
  const Graph graph = modules_of("", "      body: [{dense: {units: 3}}]\n      send: {dtype: f16}\n", "");
  EXPECT_EQ(node_called(graph, "m/dense").type.dtype, DType::f16);
  EXPECT_EQ(node_called(graph, "m/head/dense").type.dtype, DType::f32);
  EXPECT_TRUE(rounds(graph, node_called(graph, "m/dense")));
  EXPECT_EQ(check_graph(graph), std::vector<std::string>{});
}

TEST(Build, BitsAreNotWidenedToHalves) {
  const Graph graph = modules_of("", "      body: [{dense: {units: 3}}, sign]\n      send: {dtype: f16}\n", "");
  EXPECT_EQ(node_called(graph, "m/sign").type.dtype, DType::bit);
}

TEST(Build, AModuleWithoutBodyLeavesItsInputAsItIs) {
  EXPECT_EQ(modules_of("", "      send: {dtype: f16}\n", "").nodes[0].type.dtype, DType::f32);
}

TEST(Build, NamesAreOpsWithNumbersUnlessGiven) {
  EXPECT_EQ(node_names(layers_of("[relu, relu, flatten, {dense: {units: 2}, name: out}, {dense: {units: 2}}]").graph),
            (Names{"input", "relu", "relu_2", "flatten", "out", "dense"}));
}

TEST(Build, RepeatGivesEachTimeItsOwnNodes) {
  const Graph graph =
      layers_of("[{repeat: {times: 2, body: [{conv2d: {filters: 2, kernel: 1}}, relu]}, name: r}]").graph;
  EXPECT_EQ(node_names(graph), (Names{"input", "r/0/conv2d", "r/0/relu", "r/1/conv2d", "r/1/relu"}));
  EXPECT_EQ(graph.nodes[3].inputs, std::vector<NodeId>{NodeId{2}});
}

TEST(Build, ResidualAddsItsInput) {
  const Graph graph = layers_of("[{residual: {body: [tanh]}, name: block}]").graph;
  EXPECT_EQ(node_names(graph), (Names{"input", "block/tanh", "block"}));
  EXPECT_EQ(graph.nodes[2].inputs, (std::vector<NodeId>{NodeId{1}, NodeId{0}}));
}

TEST(Build, ResidualAddsItsShortcut) {
  const Graph graph = layers_of("[{residual: {body: [tanh], shortcut: [relu]}}]").graph;
  EXPECT_EQ(node_names(graph), (Names{"input", "residual/tanh", "residual/shortcut/relu", "residual"}));
  EXPECT_EQ(graph.nodes[3].inputs, (std::vector<NodeId>{NodeId{1}, NodeId{2}}));
}

TEST(Build, ParallelJoinsItsBranches) {
  const Graph graph = layers_of("[{parallel: {branches: [[relu], [tanh], [sigmoid]]}}]").graph;
  EXPECT_EQ(graph.nodes.back().type.shape, (Shape{6, 8, 8}));
  EXPECT_EQ(layers_of("[{parallel: {branches: [[relu], [tanh]], join: add}}]").graph.nodes.back().type.shape,
            (Shape{2, 8, 8}));
}

TEST(Build, FromReadsByName) {
  const Graph graph = layers_of("[{relu: , name: a}, {tanh: , name: b}, {add: , from: [a, b, input]}]").graph;
  EXPECT_EQ(graph.nodes[3].inputs, (std::vector<NodeId>{NodeId{1}, NodeId{2}, NodeId{0}}));
}

TEST(Settings, TheNearestWins) {
  const std::string net = "  prior: {normal: {scale: 1}}\n", near = "      prior: {normal: {scale: 2}}\n",
                    nearest = "          prior: {normal: {scale: 3}}\n";
  const auto scale = [](const Graph& graph) { return graph.nodes.back().rule.prior.params.real("scale"); };
  EXPECT_EQ(scale(modules_of(net, "", "")), 1);
  EXPECT_EQ(scale(modules_of(net, near, "")), 2);
  EXPECT_EQ(scale(modules_of(net, near, nearest)), 3);
}

TEST(Settings, KeysAreTakenOneByOne) {
  const Graph graph = modules_of("  prior: {laplace: {scale: 1}}\n", "      select: layer\n",
                                 "          proposal: {uniform: {half_width: 2}}\n");
  const LearningRule& rule = graph.nodes.back().rule;
  EXPECT_EQ(rule.prior.name + " " + rule.select.name + " " + rule.proposal.name, "laplace layer uniform");
}

TEST(Settings, SelectMayDependOnTheOp) {
  const Graph graph = layers_of("[{conv2d: {filters: 2, kernel: 1}}, flatten, {dense: {units: 2}}]",
                                "  select: {conv2d: one_filter, dense: {uniform: 363}}\n")
                          .graph;
  EXPECT_EQ(node_called(graph, "conv2d").rule.select.name, "one_filter");
  EXPECT_EQ(node_called(graph, "dense").rule.select.params.integer("count"), 363);
}

TEST(Settings, WeightsOfPartsAndLayers) {
  const Graph graph = model_of(text_of(std::filesystem::path(CLEAVE_SOURCE_DIR) / "tests/models/hybrid.yaml")).graph;
  EXPECT_EQ(to_text(node_called(graph, "h1/dense").weight_type), "binary ±1 scaled");
  EXPECT_EQ(to_text(node_called(graph, "h1/head/dense").weight_type), "real");
}

TEST(Build, EveryModelGivesASoundGraph) {
  for (const std::filesystem::path& file : all_model_files()) {
    const Graph graph = load_model(file.string(), cleave_language()).graph;
    if (graph.nodes.empty()) continue;  // a swarm
    EXPECT_EQ(check_graph(graph), std::vector<std::string>{}) << file;
  }
}

TEST(Build, ResNet20HasThePublishedSize) {
  const std::string blocks = "repeat: {times: 3, body: [{residual: {body: [";
  const std::string conv = "{conv2d: {filters: 16, kernel: 3, padding: same, bias: false}}";
  const Graph graph = model_of("version: 1\nnetwork:\n  input: {image: [16, 32, 32]}\n  layers: [{" + blocks + conv +
                               ", batch_norm, relu, " + conv + ", batch_norm]}}, relu]}}]\n")
                          .graph;
  EXPECT_EQ(weight_count(graph), 6 * (16 * 16 * 9 + 2 * 16));
  EXPECT_EQ(total_cost(graph).mult_adds, 6LL * 16 * 16 * 9 * 32 * 32);
}

TEST(Build, OneMistakeIsToldOnce) {
  EXPECT_EQ(
      mistakes_in("version: 1\nnetwork:\n  input: {image: [1, 8, 8]}\n  layers:\n    - conv2d: {filters: 0, kernel: "
                  "3}\n      name: a\n    - relu\n    - dense: {units: 3}\n      from: a\n")
          .size(),
      1U);
}

TEST(Build, AnUnknownOpBesideAnUnknownKeyIsTwoMistakes) {
  EXPECT_EQ(mistakes_in("version: 1\nnetwork:\n  input: {vector: 4}\n  layers: [{attention: , banana: 1}]\n").size(),
            2U);
}

TEST(Build, RepeatsAreBounded) {
  const std::string inner = "{repeat: {times: 1000, body: [relu]}}";
  const std::vector<Diagnostic> found = mistakes_in(
      "version: 1\nnetwork:\n  input: {vector: 4}\n  layers: [{repeat: {times: 1000, body: [" + inner + "]}}]\n");
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].message, "more than 40000 layers, repeats expanded");
}

}  // namespace

}  // namespace cleave
