// What splits are made of, where they are possible, and what is said where they are not.
#include "partitioner/split.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "graphs/build.h"
#include "graphs/passes.h"
#include "tests/partitioner/split_check.h"
#include "tests/support/models.h"

namespace cleave {
namespace {

Graph shipped(const char* name) {
  return load_model(fmt::format("{}/graphs/models/{}.yaml", CLEAVE_SOURCE_DIR, name), cleave_language()).graph;
}

// Two convolutions of 3x3 on 2x8x8, the first with padding, then a tail.
Graph two_convolutions() {
  return layers_of(
             "[{conv2d: {filters: 4, kernel: 3, padding: 1}, name: a}, relu, {conv2d: {filters: 6, kernel: 3, "
             "padding: 1}, name: b}, flatten, {dense: {units: 10}, name: out}]")
      .graph;
}

SplitGraph split_at(const Graph& graph, const char* kind, const char* to, std::int64_t ways) {
  return split_def(kind).split(graph, node_named(graph, to), ways);
}

const Node& node_of(const SplitGraph& split, const char* name) {
  return split.graph.node(node_named(split.graph, name));
}

// What is said when the graph of `layers` (on 2x8x8) is split at the node `at`.
std::string refusal_of(const char* kind, const std::string& layers, const char* to, std::int64_t ways) {
  const Graph graph = layers_of(layers).graph;
  return refusal(split_def(kind), graph, node_named(graph, to), ways);
}

TEST(Split, NamesNodesAfterThoseTheyArePartsOf) {
  const SplitGraph split = split_at(two_convolutions(), "tiles", "b", 2);
  const std::vector<std::string> names{"input", "input/rows_0_5@1", "a@1", "relu@1", "b@1",     "input/rows_2_7@2",
                                       "a@2",   "relu@2",           "b@2", "b",      "flatten", "out"};
  EXPECT_EQ(node_names(split.graph), names);
  EXPECT_EQ(split.share_of, (std::vector<int>{-1, 0, 0, 0, 0, 1, 1, 1, 1, -1, -1, -1}));
}

TEST(Split, TilesReadTheHaloAndPadOnlyAtTheBorder) {
  const SplitGraph split = split_at(two_convolutions(), "tiles", "b", 2);
  EXPECT_EQ(node_of(split, "input/rows_0_5@1").type.shape, (Shape{2, 6, 8}));
  EXPECT_EQ(node_of(split, "a@1").type.shape, (Shape{4, 5, 8}));
  EXPECT_EQ(node_of(split, "b@1").type.shape, (Shape{6, 4, 8}));
  EXPECT_EQ(node_of(split, "a@1").params.integers("padding_rows"), (Shape{1, 0}));
  EXPECT_EQ(node_of(split, "b@2").params.integers("padding_rows"), (Shape{0, 1}));
}

TEST(Split, FiltersShareOutTheLastLayerAndRepeatWhatStandsBefore) {
  const SplitGraph split = split_at(two_convolutions(), "filters", "b", 4);
  EXPECT_EQ(node_of(split, "a@4").weights.front().shape, (Shape{4, 2, 3, 3}));
  std::vector<std::int64_t> filters;
  for (const char* name : {"b@1", "b@2", "b@3", "b@4"})
    filters.push_back(node_of(split, name).weights.front().shape[0]);
  EXPECT_EQ(filters, (Shape{1, 2, 1, 2}));
}

TEST(Split, FiltersOfGroupsReadTheirGroupsOnly) {
  const Graph graph = layers_of(
                          "[{conv2d: {filters: 4, kernel: 1}, name: a}, {conv2d: {filters: 8, kernel: 3, groups: "
                          "4}, name: b}, relu]")
                          .graph;
  const SplitGraph split = split_at(graph, "filters", "b", 2);
  EXPECT_EQ(node_of(split, "a@2").weights.front().shape, (Shape{2, 2, 1, 1}));
  EXPECT_EQ(node_of(split, "b@2").params.integer("groups"), 2);
}

TEST(Split, SaysWhichPartOfTheModelANodeIs) {
  const Graph graph = two_convolutions();
  const SplitGraph split = split_at(graph, "filters", "b", 2);
  const NodeId half = node_named(split.graph, "b@2");
  EXPECT_EQ(split.origin[index_of(half)], node_named(graph, "b"));
  EXPECT_EQ(split.channels[index_of(half)], (Shape{3, 4, 5}));
  EXPECT_EQ(split.outputs[1], half);
  EXPECT_EQ(split.graph.node(split.join).name, "b");
}

TEST(Split, KeepsBitsBits) {
  const Graph graph = layers_of(
                          "[sign, {conv2d: {filters: 4, kernel: 3, padding: 1}, name: a, weights: {binary: [-1, "
                          "1]}}, {sign: , name: b}, flatten]")
                          .graph;
  for (const char* kind : {"filters", "tiles"}) {
    const SplitGraph split = split_at(graph, kind, "b", 2);
    EXPECT_EQ(split.graph.node(split.join).type.dtype, DType::bit) << kind;
    EXPECT_GT(node_of(split, "a@1").cost.binary_ops, 0) << kind;
    EXPECT_EQ(node_of(split, "a@1").cost.mult_adds, 0) << kind;
  }
}

TEST(Split, LeavesOutWhatNoOutputDependsOn) {
  const Graph graph = layers_of(
                          "[{conv2d: {filters: 4, kernel: 1}, name: a}, {tanh: , name: dead}, {relu: , from: a, "
                          "name: b}, flatten]")
                          .graph;
  const SplitGraph split = split_at(graph, "filters", "b", 2);
  EXPECT_EQ(split_fault(graph, split, 2), "");
  EXPECT_EQ(node_names(split.graph).size(), graph.nodes.size() - 1 + 3);
}

TEST(Split, ACascadeIsSplitAtTheBodyOfItsFirstModule) {
  const Graph graph = shipped("cifar10-cascade");
  const SplitGraph split = split_at(graph, "filters", "m1/conv2d", 2);
  ASSERT_EQ(split.graph.modules.size(), 5U);
  EXPECT_EQ(split.graph.modules[0].input, NodeId{0});
  EXPECT_EQ(split.graph.modules[0].body, split.join);
  EXPECT_EQ(split.graph.node(split.graph.modules[0].head).name, "m1/head/dense");
  EXPECT_EQ(split.graph.modules[1].input, split.join);
  EXPECT_EQ(node_of(split, "m1/conv2d@2").module, ModuleId{0});
  EXPECT_EQ(node_of(split, "m5/head/dense_2").module, ModuleId{4});
}

// Three modules, of which only the last has a head.
Graph headless_modules() {
  return model_of(
             "version: 1\nnetwork:\n  input: {image: [2, 8, 8]}\n  modules:\n"
             "    - {name: a, body: [{conv2d: {filters: 3, kernel: 3}}]}\n"
             "    - {name: b, body: [{conv2d: {filters: 4, kernel: 3}}, relu]}\n"
             "    - {name: c, head: [flatten, {dense: {units: 4}}]}\n")
      .graph;
}

TEST(Split, ModulesThatEndBeforeItBecomeOneWithItsModule) {
  const Graph graph = headless_modules();
  const SplitGraph split = split_at(graph, "tiles", "b/relu", 2);
  EXPECT_EQ(split_fault(graph, split, 2), "");
  ASSERT_EQ(split.graph.modules.size(), 2U);
  EXPECT_EQ(split.graph.modules[0].name, "b");
  EXPECT_EQ(split.graph.modules[0].input, NodeId{0});
  EXPECT_EQ(split.graph.modules[0].body, split.join);
  EXPECT_EQ(node_of(split, "a/conv2d@1").module, ModuleId{0});
  EXPECT_EQ(split.graph.modules[1].body, split.join);
}

TEST(CanSplitAt, NothingMayPassBy) {
  const Graph graph = layers_of(
                          "[{conv2d: {filters: 2, kernel: 1}, name: a}, {residual: {body: [{conv2d: {filters: 2, "
                          "kernel: 1}, name: b}, tanh]}, name: r}, {add: , from: [r, input], name: c}, relu]")
                          .graph;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (can_split_at(graph, NodeId{static_cast<std::int32_t>(i)})) names.push_back(graph.nodes[i].name);
  EXPECT_EQ(names, (std::vector<std::string>{"c", "relu"}));
  EXPECT_EQ(why_not_split_at(graph, node_named(graph, "r/b")), "'r' reads 'a', which stands before it");
}

TEST(CanSplitAt, HeadsOfEarlierModulesAreOutputsToo) {
  const Graph graph = shipped("cifar10-cascade");
  EXPECT_TRUE(can_split_at(graph, node_named(graph, "m1/conv2d")));
  EXPECT_EQ(why_not_split_at(graph, node_named(graph, "m2/conv2d")),
            "'m1/head/relu' reads 'm1/conv2d', which stands before it");
  EXPECT_EQ(why_not_split_at(graph, node_named(graph, "m1/head/dense")), "the network's output does not depend on it");
}

TEST(CanSplitAt, NotBehindTheHeadOfAModule) {
  Graph graph = two_convolutions();
  graph.modules[0].name = "m";
  graph.modules[0].head = node_named(graph, "relu");
  EXPECT_EQ(why_not_split_at(graph, node_named(graph, "b")), "the head of module 'm' stands before it");
}

TEST(CanSplitAt, NotAtTheInputAndNotBehindTheGraph) {
  const Graph graph = two_convolutions();
  EXPECT_EQ(why_not_split_at(graph, NodeId{0}), "nothing is computed before it");
  EXPECT_EQ(why_not_split_at(graph, NodeId::none), "there is no such layer");
  EXPECT_EQ(refusal(split_def("tiles"), graph, NodeId{99}, 2), "cannot split: there is no such layer");
}

TEST(SplitErrors, TooFewForTheShares) {
  const char* layers = "[{conv2d: {filters: 3, kernel: 7}, name: a}, flatten, {dense: {units: 1}, name: b}]";
  EXPECT_EQ(refusal_of("filters", layers, "a", 4),
            "cannot split at 'a': its output has 3 channels, too few for 4 shares");
  EXPECT_EQ(refusal_of("filters", layers, "b", 2), "cannot split at 'b': its output has 1 unit, too few for 2 shares");
  EXPECT_EQ(refusal_of("tiles", layers, "a", 3), "cannot split at 'a': its output has 2 rows, too few for 3 shares");
  EXPECT_EQ(refusal_of("branches", layers, "a", 1), "cannot split at 'a': needs at least 2 shares, got 1");
}

TEST(SplitErrors, WhatNeedsTheWhole) {
  const char* layers =
      "[{conv2d: {filters: 4, kernel: 3}, name: a}, {softmax: , name: b}, {reshape: {shape: [9, 4, "
      "4]}, name: c}, {flatten: , name: d}]";
  EXPECT_EQ(refusal_of("filters", layers, "b", 2),
            "cannot split at 'b': 'b' (softmax) needs all channels for each of them");
  EXPECT_EQ(refusal_of("tiles", layers, "c", 2), "cannot split at 'c': 'c' (reshape) needs the whole image");
  EXPECT_EQ(refusal_of("tiles", layers, "d", 2), "cannot split at 'd': it gives a vector, which has no rows");
}

TEST(SplitErrors, BranchesThatDoNotDivide) {
  EXPECT_EQ(refusal_of("branches", "[{conv2d: {filters: 6, kernel: 1}, name: a}, relu]", "a", 4),
            "cannot split at 'a': 'a' (conv2d) cannot divide filters: 6 into 4 branches");
  EXPECT_EQ(refusal_of("branches", "[flatten, {dense: {units: 3}, name: a}]", "a", 2),
            "cannot split at 'a': 'a' (dense) cannot divide units: 3 into 2 branches");
  EXPECT_EQ(refusal_of("branches",
                       "[{conv2d: {filters: 6, kernel: 1}}, {conv2d: {filters: 6, kernel: 1, groups: 3}, "
                       "name: a}]",
                       "a", 2),
            "cannot split at 'a': 'a' (conv2d) cannot divide groups: 3 into 2 branches");
  EXPECT_EQ(refusal_of("branches", "[{conv2d: {filters: 6, kernel: 1}}, {slice: {from: 1, to: 5}, name: a}]", "a", 2),
            "cannot split at 'a': 'a' (slice) cannot divide from: 1 into 2 branches");
}

TEST(SplitErrors, BranchesBesideTheWholeInput) {
  EXPECT_EQ(refusal_of("branches", "[{conv2d: {filters: 4, kernel: 1, groups: 2}, name: a}]", "a", 2),
            "cannot split at 'a': 'a' (conv2d) has groups of the network's input, which branches do not divide");
  EXPECT_EQ(refusal_of("branches", "[{residual: {body: [{conv2d: {filters: 2, kernel: 1}}]}, name: a}]", "a", 2),
            "cannot split at 'a': 'a' (add) needs inputs of one shape, got 1x8x8 and 2x8x8");
  EXPECT_EQ(refusal_of("branches", "[{parallel: {branches: [[{conv2d: {filters: 4, kernel: 1}}], [relu]]}, name: a}]",
                       "a", 2),
            "cannot split at 'a': 'a' (concat) gives 4x8x8 in each of 2 branches, which do not make 6x8x8");
  EXPECT_EQ(refusal_of("branches", "[{relu: , name: a}]", "a", 2),
            "cannot split at 'a': there is no layer with filters to divide");
}

TEST(SplitErrors, FusedGraphs) {
  Graph graph = layers_of("[{conv2d: {filters: 4, kernel: 1}, name: a}, {relu: , name: b}, flatten]").graph;
  Weights weights = random_weights(graph, 1);
  run_passes(graph, weights);
  const std::string name = graph.nodes[1].name;
  EXPECT_EQ(refusal(split_def("filters"), graph, NodeId{1}, 2),
            fmt::format("cannot split at '{0}': '{0}' is fused with what follows it: split before the passes", name));
}

}  // namespace
}  // namespace cleave
