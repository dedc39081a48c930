#include "partitioner/move_work.h"

#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "tests/support/models.h"

namespace cleave {

namespace {

Graph modules_of(const std::string& input, const std::string& modules, const std::string& settings = "") {
  return model_of("version: 1\nnetwork:\n  input: " + input + "\n  loss: {cross_entropy: {reduce: mean}}\n" + settings +
                  "  modules:\n" + modules)
      .graph;
}

// The products of a move of the first layer whose op is `op`, in a module.
double products_of_move(const Graph& graph, const std::string& op, std::size_t module = 0) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.nodes[i].op != nullptr && op == graph.nodes[i].op->name && index_of(graph.nodes[i].module) == module)
      return shared_products(graph, move_shares(graph, static_cast<NodeId>(i)));
  return -1;
}

const char* const kAsPublished = "  select: {conv2d: one_filter, dense: {uniform: 363}}\n";
const char* const kCascade =
    "    - {name: m1, body: [{conv2d: {filters: 32, kernel: 11, stride: 3}}], head: [relu, flatten, {dense: {units: "
    "10}}]}\n"
    "    - {name: m2, body: [relu, {conv2d: {filters: 32, kernel: 11, padding: 5}}], head: [relu, flatten, {dense: "
    "{units: 10}}]}\n";

Graph cascade() { return modules_of("{image: [3, 32, 32]}", kCascade, kAsPublished); }

}  // namespace

// mcmc.md, "The cascade of paper 000, exactly".
TEST(MoveWork, OfTheFirstModuleIsThePapers) {
  const Graph graph = cascade();
  EXPECT_NEAR(products_of_move(graph, "conv2d"), 23232 + 640, 1e-6);
  EXPECT_NEAR(products_of_move(graph, "dense"), 363, 1e-9);
}

// 108 288 of these without the zeros of the padding, which Cost counts.
TEST(MoveWork, OfTheMiddleModulesIsThePapersWithPadding) {
  const Graph graph = cascade();
  EXPECT_NEAR(products_of_move(graph, "conv2d", 1), 247808 + 640, 1e-6);
  EXPECT_NEAR(products_of_move(graph, "dense", 1), 363, 1e-9);
}

TEST(MoveWork, OfOneUnitOfTheMlpIsThePapers) {
  const Graph graph = modules_of("{vector: 784}",
                                 "    - {name: m, body: [{dense: {units: 100}}, relu], head: [{dense: {units: 10}}]}\n",
                                 "  select: one_unit\n");
  EXPECT_NEAR(products_of_move(graph, "dense"), 784 + 10, 1e-9);
}

TEST(MoveWork, OfAStepIsTheMeanByPick) {
  const Graph graph = cascade();
  const std::vector<double> shares = step_shares(graph, ModuleId{0}, {0.25, 0.75});
  EXPECT_NEAR(shared_products(graph, shares), 0.25 * 23872 + 0.75 * 363, 1e-6);
}

TEST(MoveWork, OfALayersListIsPickedUniformly) {
  const Graph graph = modules_of(
      "{vector: 8}", "    - {name: m, head: [{dense: {units: 4}}, relu, {dense: {units: 2}}]}\n", "  select: layer\n");
  const std::vector<double> shares = step_shares(graph, ModuleId{0}, {0.7, 0.3});  // there is no body
  EXPECT_NEAR(shared_products(graph, shares), ((32 + 8) + 8) / 2.0, 1e-9);
}

TEST(MoveWork, OfOneWeightTouchesOneChannel) {
  const Graph graph = modules_of("{image: [3, 32, 32]}", kCascade);
  EXPECT_NEAR(products_of_move(graph, "conv2d"), 64 + 640, 1e-9);  // 64 places, one channel of the head
  EXPECT_NEAR(products_of_move(graph, "dense"), 1, 1e-9);
}

// 40 weights out of 4 x 30: each unit is missed with probability C(90, 40) / C(120, 40).
TEST(MoveWork, OfManyWeightsTouchesAsManyUnitsAsExpected) {
  const Graph graph =
      modules_of("{vector: 30}", "    - {name: m, body: [{dense: {units: 4}}, relu], head: [{dense: {units: 2}}]}\n",
                 "  select: {uniform: 40}\n");
  double missed = 1;
  for (int j = 0; j < 30; ++j) missed *= static_cast<double>(80 - j) / (120 - j);
  EXPECT_NEAR(products_of_move(graph, "dense"), 40 + (1 - missed) * 8, 1e-6);
}

TEST(MoveWork, OfABlockTouchesItsRows) {
  const Graph graph =
      modules_of("{vector: 30}", "    - {name: m, body: [{dense: {units: 4}}, relu], head: [{dense: {units: 2}}]}\n",
                 "  select: {block: {rows: 2, cols: 5}}\n");
  EXPECT_NEAR(products_of_move(graph, "dense"), 10 + 4, 1e-9);
}

TEST(MoveWork, RepeatsEverythingBehindTheNextLayer) {
  const Graph graph = modules_of(
      "{vector: 16}",
      "    - {name: m, body: [{dense: {units: 8}}, relu], head: [{dense: {units: 4}}, relu, {dense: {units: 2}}]}\n",
      "  select: one_unit\n");
  EXPECT_NEAR(products_of_move(graph, "dense"), 16 + 4 + 8, 1e-9);
}

TEST(MoveWork, StaysInItsModule) {
  const Graph graph = cascade();
  const std::vector<double> shares = step_shares(graph, ModuleId{0}, {});
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const bool inside = graph.nodes[i].module == ModuleId{0} && graph.nodes[i].op != nullptr;
    EXPECT_EQ(shares[i] > 0, inside) << graph.nodes[i].name;
  }
}

TEST(MoveWork, OfAFlipCountsTheWeightsTurnedRound) {
  const std::string binary = "    - {name: m, body: [{dense: {units: 8}}, relu], head: [{dense: {units: 2}}]}\n";
  const std::string settings = "  weights: {binary: [-1, 1]}\n  select: one_unit\n";
  const Graph half = modules_of("{vector: 16}", binary, settings + "  proposal: {flip: {probability: 0.5}}\n");
  EXPECT_NEAR(products_of_move(half, "dense"), 8 + 2, 1e-9);
  const Graph three = modules_of("{vector: 16}", binary, settings + "  proposal: {flip: {count: 3}}\n");
  EXPECT_NEAR(products_of_move(three, "dense"), 3 + 2, 1e-9);
  const Graph one = modules_of("{vector: 16}", binary, settings);
  EXPECT_NEAR(products_of_move(one, "dense"), 1 + 2, 1e-9);
}

TEST(MoveWork, OfAGroupedConvolutionReachesItsGroup) {
  const Graph graph = modules_of("{image: [4, 8, 8]}",
                                 "    - {name: m, body: [{conv2d: {filters: 8, kernel: 1}}, {conv2d: {filters: 8, "
                                 "kernel: 1, groups: 8}}, flatten], head: [{dense: {units: 2}}]}\n",
                                 "  select: {conv2d: one_filter, dense: one_unit}\n");
  // 4 products a pixel, one of the depthwise convolution, 1/8 of the head.
  EXPECT_NEAR(products_of_move(graph, "conv2d"), 64 * 4 + 64 + 1024 / 8.0, 1e-9);
}

TEST(MoveWork, IsNeverMoreThanAFullForward) {
  for (const std::filesystem::path& file : all_model_files()) {
    const Model model = load_model(file.string(), cleave_language());
    for (std::size_t i = 0; i < model.graph.nodes.size(); ++i) {
      const Node& node = model.graph.nodes[i];
      if (node.weights.empty()) continue;
      for (const double share : move_shares(model.graph, static_cast<NodeId>(i))) EXPECT_TRUE(share >= 0 && share <= 1);
    }
  }
}

}  // namespace cleave
