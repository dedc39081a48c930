// Branches: the networks of the paper's Table I by their number of weights, and what the diagonal blocks compute.
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "graphs/build.h"
#include "tests/partitioner/split_check.h"
#include "tests/support/models.h"

namespace cleave {
namespace {

constexpr std::int64_t kSamples = 2;

// Where ResNet20 is merged in Table I (k = 6, 9, 12): behind its three groups of blocks.
constexpr const char* kMerges[] = {"g1/2/relu", "g2/1/relu", "g3/1/relu"};

// The weights of ResNet20 by hand: 3x3 kernels without bias, two numbers a channel for each batch norm.
struct Group {
  std::int64_t kernels, norms;
};
constexpr Group kStem{3 * 16 * 9, 2 * 16};                   // reads the image: branches share its filters out
constexpr Group kGroups[] = {{6 * 16 * 16 * 9, 6 * 2 * 16},  // three blocks of two convolutions
                             {16 * 32 * 9 + 5 * 32 * 32 * 9 + 16 * 32, 7 * 2 * 32},  // + a 1x1 shortcut
                             {32 * 64 * 9 + 5 * 64 * 64 * 9 + 32 * 64, 7 * 2 * 64}};
constexpr std::int64_t kOut = 64 * 10 + 10;

// A layer of F filters on C channels becomes n of F/n on C/n: 1/n of its weights. Norms and the stem keep theirs, and
// so does everything behind the merge.
std::int64_t weights_by_hand(std::size_t merged_groups, std::int64_t ways) {
  std::int64_t count = kStem.kernels + kStem.norms + kOut;
  for (std::size_t g = 0; g < 3; ++g) count += kGroups[g].norms + kGroups[g].kernels / (g < merged_groups ? ways : 1);
  return count;
}

Graph resnet20() { return load_model(CLEAVE_SOURCE_DIR "/graphs/models/resnet20-split.yaml", cleave_language()).graph; }

TEST(Branches, HaveTheWeightsOfTheNetworksOfTableI) {
  const Graph graph = resnet20();
  EXPECT_EQ(weights_by_hand(0, 1), 272474);
  EXPECT_EQ(weight_count(graph), 272474);
  for (const std::int64_t ways : {2, 4})
    for (std::size_t k = 0; k < 3; ++k) {
      const SplitGraph split = split_def("branches").split(graph, node_named(graph, kMerges[k]), ways);
      EXPECT_EQ(split_fault(graph, split, ways), "") << kMerges[k];
      EXPECT_EQ(weight_count(split.graph), weights_by_hand(k + 1, ways)) << kMerges[k] << " by " << ways;
    }
}

TEST(Branches, HaveAnEqualPartOfTheFiltersAndTheWholeInput) {
  const Graph graph = resnet20();
  const SplitGraph split = split_def("branches").split(graph, node_named(graph, "g1/2/relu"), 4);
  for (const int share : {1, 4}) {
    const Node& stem = split.graph.node(node_named(split.graph, fmt::format("stem@{}", share)));
    EXPECT_EQ(stem.weights.front().shape, (Shape{4, 3, 3, 3}));
    const Node& next = split.graph.node(node_named(split.graph, fmt::format("g1/0/residual/conv2d@{}", share)));
    EXPECT_EQ(next.weights.front().shape, (Shape{4, 4, 3, 3}));
  }
  EXPECT_EQ(split.graph.node(split.join).type.shape, (Shape{16, 32, 32}));
}

TEST(Branches, ShareOutTheWorkOfALayerAsItsWeights) {
  const Graph graph = resnet20();
  const NodeId conv = node_named(graph, "g1/1/residual/conv2d");
  const SplitGraph split = split_def("branches").split(graph, node_named(graph, "g1/2/relu"), 2);
  const Node& half = split.graph.node(node_named(split.graph, "g1/1/residual/conv2d@2"));
  EXPECT_EQ(half.cost.mult_adds * 4, graph.node(conv).cost.mult_adds);
}

// Values 0, 1, 2 … in every array.
Weights counted_weights(const Graph& graph) {
  Weights weights = initial_weights(graph, 1);
  for (LayerWeights& layer : weights)
    for (std::vector<float>& array : layer.arrays)
      for (std::size_t i = 0; i < array.size(); ++i) array[i] = static_cast<float>(i);
  return weights;
}

TEST(Branches, HaveTheDiagonalBlocksOfTheKernels) {
  const Graph graph = layers_of(
                          "[{conv2d: {filters: 4, kernel: 1}, name: a}, relu, {conv2d: {filters: 4, kernel: 1}, "
                          "name: b}, flatten]")
                          .graph;
  const SplitGraph split = split_def("branches").split(graph, node_named(graph, "b"), 2);
  const Weights weights = split_def("branches").weights(graph, split, counted_weights(graph));
  const auto arrays = [&](const char* name) { return weights[index_of(node_named(split.graph, name))].arrays; };
  using Arrays = std::vector<std::vector<float>>;
  EXPECT_EQ(arrays("a@1"), (Arrays{{0, 1, 2, 3}, {0, 1}}));  // two filters on both channels of the image
  EXPECT_EQ(arrays("a@2"), (Arrays{{4, 5, 6, 7}, {2, 3}}));
  EXPECT_EQ(arrays("b@1"), (Arrays{{0, 1, 4, 5}, {0, 1}}));  // of a 4x4 kernel
  EXPECT_EQ(arrays("b@2"), (Arrays{{10, 11, 14, 15}, {2, 3}}));
}

// Sets to zero what no branch has of the kernels: the network that is left is what the branches compute.
Weights without_other_blocks(const Graph& graph, const SplitGraph& split, const Weights& weights) {
  Weights left = weights;
  std::vector<std::vector<bool>> kept(graph.nodes.size());
  for (std::size_t i = 0; i < split.graph.nodes.size(); ++i) {
    const std::size_t origin = split.share_of[i] < 0 ? 0 : index_of(split.origin[i]);
    const bool layer =
        origin > 0 && !graph.nodes[origin].weights.empty() && graph.nodes[origin].weights[0].role == Role::kernel;
    if (!layer) continue;
    Weights numbers = weights;  // a kernel of its own places: which of them does the branch get?
    std::vector<float>& kernel = numbers[origin].arrays[0];
    for (std::size_t k = 0; k < kernel.size(); ++k) kernel[k] = static_cast<float>(k);
    const Weights parts = split_def("branches").weights(graph, split, numbers);
    kept[origin].resize(kernel.size(), false);
    for (const float place : parts[i].arrays[0]) kept[origin][static_cast<std::size_t>(place)] = true;
  }
  for (std::size_t n = 0; n < kept.size(); ++n)
    for (std::size_t k = 0; k < kept[n].size(); ++k)
      if (!kept[n][k]) left[n].arrays[0][k] = 0;
  return left;
}

struct Net {
  const char* to;
  const char* layers;
};

// Branches can be taken at `to`, two of them; the layers behind read the join whole.
const Net kNets[] = {
    {"b",
     "[{conv2d: {filters: 4, kernel: 3}, name: a}, batch_norm, relu, {conv2d: {filters: 6, kernel: 3}, name: b}, "
     "batch_norm, relu, flatten, {dense: {units: 5}}]"},
    {"r",
     "[{conv2d: {filters: 4, kernel: 1}}, {residual: {body: [{conv2d: {filters: 4, kernel: 3, padding: same}}, "
     "batch_norm], shortcut: [{conv2d: {filters: 4, kernel: 1}}]}}, {relu: , name: r}, {conv2d: {filters: 3, "
     "kernel: 2}}]"},
    {"d",
     "[{conv2d: {filters: 4, kernel: 3}}, {max_pool: {size: 2}}, flatten, {dense: {units: 6}}, tanh, {dense: "
     "{units: 8}, name: d}, {dense: {units: 3}}]"},
    {"p",
     "[{conv2d: {filters: 4, kernel: 1}}, {parallel: {branches: [[{conv2d: {filters: 2, kernel: 1}}], [{conv2d: "
     "{filters: 6, kernel: 1}}, relu]]}}, {conv2d: {filters: 4, kernel: 3}}, {tanh: , name: p}, flatten, {dense: "
     "{units: 3}}]"},
    {"q",
     "[{conv2d: {filters: 4, kernel: 1}}, {parallel: {branches: [[{conv2d: {filters: 2, kernel: 1}}], [{conv2d: "
     "{filters: 6, kernel: 1}}, relu]]}, name: q}, batch_norm, {max_pool: {size: 2}}, flatten, {dense: {units: "
     "3}}]"},
    {"g",
     "[{conv2d: {filters: 4, kernel: 1}}, {conv2d: {filters: 8, kernel: 3, groups: 4}, name: g}, flatten, {dense: "
     "{units: 3}}]"},
    {"s",
     "[{conv2d: {filters: 4, kernel: 1}}, {reshape: {shape: [8, 8, 4]}}, {conv2d: {filters: 4, kernel: 1}, name: "
     "s}, relu]"},
};

TEST(Branches, ComputeWhatIsLeftWithoutTheOtherBlocks) {
  for (const Net& net : kNets) {
    const Graph graph = layers_of(net.layers).graph;
    const SplitGraph split = split_def("branches").split(graph, node_named(graph, net.to), 2);
    ASSERT_EQ(split_fault(graph, split, 2), "") << net.layers;
    const Weights weights = without_other_blocks(graph, split, random_weights(graph, 3));
    const Weights branches = split_def("branches").weights(graph, split, weights);
    const std::vector<float> before = run_nodes(graph, weights, kSamples)[index_of(graph.output)];
    const std::vector<float> after = run_nodes(split.graph, branches, kSamples)[index_of(split.graph.output)];
    EXPECT_LE(difference(after, before), 1e-5) << net.layers;
  }
}

TEST(Branches, AreAnotherFunctionThanTheWholeNetwork) {
  const Graph graph = layers_of(kNets[0].layers).graph;
  const SplitGraph split = split_def("branches").split(graph, node_named(graph, "b"), 2);
  const Weights weights = random_weights(graph, 3);
  const Weights branches = split_def("branches").weights(graph, split, weights);
  const std::vector<float> before = run_nodes(graph, weights, kSamples)[index_of(graph.output)];
  EXPECT_GT(difference(run_nodes(split.graph, branches, kSamples)[index_of(split.graph.output)], before), 0.01);
}

}  // namespace
}  // namespace cleave
