#include "engine/runtime/sub_graph.h"

#include <map>
#include <memory>
#include <set>

#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "engine/runtime/frame.h"
#include "engine/runtime/run_node.h"
#include "graphs/passes.h"
#include "ops/core/rng.h"
#include "tests/support/layer_graph.h"
#include "tests/support/models.h"

namespace cleave {
namespace {

Model resnet() {
  for (const std::filesystem::path& file : all_model_files())
    if (file.stem() == "resnet20-split") return model_of(text_of(file));
  return {};
}

std::vector<NodeId> node_range(std::size_t first, std::size_t last) {
  std::vector<NodeId> nodes;
  for (std::size_t i = first; i <= last; ++i) nodes.push_back(NodeId{static_cast<std::int32_t>(i)});
  return nodes;
}

std::string name_of(const Graph& graph, NodeId id) { return graph.node(id).name; }

void fill_input(const TensorView& slot) {
  Rng rng(3, kTestStream, 0);
  for (float& value : slot.values()) value = static_cast<float>(rng.uniform());
}

// The outputs of all nodes of the graph as written.
std::unique_ptr<Frame> run_whole(const Graph& graph, const Weights& weights) {
  auto frame = std::make_unique<Frame>(graph, 2);
  frame->count = 2;
  fill_input(frame->slot(NodeId{0}));
  run_graph(graph, pack_weights(graph, weights), *frame);
  return frame;
}

// Runs the fused sub-graph on what `whole` holds, and compares what it gives by name.
void expect_same(const Graph& graph, const Frame& whole, SubGraph part) {
  run_passes(part.graph, part.weights);
  Frame frame(part.graph, 2);
  frame.count = 2;
  for (std::size_t i = 0; i < part.inputs.size(); ++i) {
    const std::span<const float> from = whole.output(part.inputs[i]).values();
    std::copy(from.begin(), from.end(), frame.slot(NodeId{static_cast<std::int32_t>(i)}).data);
  }
  run_graph(part.graph, pack_weights(part.graph, std::move(part.weights)), frame);
  for (const Module& module : part.graph.modules) {
    std::size_t original = 0;
    while (graph.nodes[original].name != module.name) ++original;
    const std::span<const float> expected = whole.output(NodeId{static_cast<std::int32_t>(original)}).values();
    const std::span<const float> given = frame.output(module.body).values();
    ASSERT_EQ(given.size(), expected.size()) << module.name;
    for (std::size_t i = 0; i < given.size(); ++i) ASSERT_NEAR(given[i], expected[i], 2e-3) << module.name;
  }
}

TEST(SubGraph, GivesWhatTheWholeGraphGives) {
  for (const std::filesystem::path& file : all_model_files()) {
    const Model model = load_model(file.string(), cleave_language());
    const Graph& graph = model.graph;
    if (graph.nodes.empty()) continue;
    const Weights weights = initial_weights(graph, 1);
    const std::unique_ptr<Frame> whole = run_whole(graph, weights);
    const std::size_t last = graph.nodes.size() - 1;
    for (const std::size_t cut : {std::size_t{1}, last / 3, last / 2, last - 1}) {
      if (cut < 1 || cut >= last) continue;
      expect_same(graph, *whole, sub_graph(graph, weights, node_range(1, cut)));
      expect_same(graph, *whole, sub_graph(graph, weights, node_range(cut + 1, last)));
    }
  }
}

TEST(SubGraph, ShowsWhatOthersReadOfIt) {
  const Graph graph = resnet().graph;
  const SubGraph part = sub_graph(graph, initial_weights(graph, 1), node_range(1, 5));  // within the first block
  std::vector<std::string> names;
  for (const Module& module : part.graph.modules) names.push_back(module.name);
  EXPECT_EQ(names, (std::vector<std::string>{"relu", "g1/0/residual/batch_norm"}));
}

TEST(SubGraph, StartsWithWhatItReads) {
  const Graph graph = resnet().graph;
  const NodeId add{9};
  ASSERT_EQ(name_of(graph, add), "g1/0/residual");
  const SubGraph part = sub_graph(graph, initial_weights(graph, 1), {add});
  ASSERT_EQ(part.inputs.size(), 2U);
  EXPECT_EQ(name_of(graph, part.inputs[0]), "relu");
  EXPECT_EQ(name_of(graph, part.inputs[1]), "g1/0/residual/batch_norm_2");
  EXPECT_EQ(part.graph.nodes.size(), 3U);
  EXPECT_TRUE(check_graph(part.graph).empty());
}

TEST(ComputedBy, IsTheLayerThatAbsorbsANode) {
  const Graph graph = resnet().graph;
  const std::vector<NodeId> by = computed_by(graph);
  std::map<std::string, std::string> names;
  for (std::size_t i = 0; i < by.size(); ++i) names[graph.nodes[i].name] = name_of(graph, by[i]);
  EXPECT_EQ(names["input"], "input");
  EXPECT_EQ(names["batch_norm"], "stem");
  EXPECT_EQ(names["relu"], "stem");
  EXPECT_EQ(names["g1/0/residual"], "g1/0/residual/conv2d_2");  // the add
  EXPECT_EQ(names["g2_down"], "g2_down/conv2d_2");
  EXPECT_EQ(names["g2_down/shortcut/batch_norm"], "g2_down/shortcut/conv2d");
  EXPECT_EQ(names["relu_2"], "g2_down/conv2d_2");
  EXPECT_EQ(names["mean_pool"], "mean_pool");
}

TEST(ComputedBy, IsTheShortcutWhereThatAddsTheBody) {
  const Graph graph = layers_of("[{residual: {body: [relu], shortcut: [{conv2d: {filters: 2, kernel: 1}}]}}]").graph;
  ASSERT_EQ(graph.nodes.size(), 4U);  // the input, relu, the shortcut's conv2d, add
  EXPECT_EQ(computed_by(graph), (std::vector<NodeId>{NodeId{0}, NodeId{1}, NodeId{2}, NodeId{2}}));
}

// As many layers as inference has nodes, in every shipped model.
TEST(ComputedBy, CountsWhatThePassesLeave) {
  for (const std::filesystem::path& file : all_model_files()) {
    Model model = load_model(file.string(), cleave_language());
    if (model.graph.nodes.empty()) continue;
    Weights weights = initial_weights(model.graph, 1);
    const std::vector<NodeId> by = computed_by(model.graph);
    run_passes(model.graph, weights);
    EXPECT_EQ(std::set<NodeId>(by.begin(), by.end()).size(), model.graph.nodes.size()) << file;
  }
}

std::vector<std::string> cuts_of(const Graph& graph, std::size_t most) {
  std::vector<std::string> names;
  for (const CutPoint& cut : clean_cuts(graph, computed_by(graph), most)) names.push_back(cut.name);
  return names;
}

TEST(CleanCuts, LieBetweenBlocksAndTakeNoLayerApart) {
  const std::vector<std::string> cuts = cuts_of(resnet().graph, 100);
  EXPECT_EQ(cuts, (std::vector<std::string>{"relu", "g1/0/relu", "g1/1/relu", "g1/2/relu", "relu_2", "g2/0/relu",
                                            "g2/1/relu", "relu_3", "g3/0/relu", "g3/1/relu", "mean_pool", "flatten"}));
}

TEST(CleanCuts, AreThinnedEvenly) {
  EXPECT_EQ(cuts_of(resnet().graph, 3), (std::vector<std::string>{"g1/1/relu", "g2/1/relu", "mean_pool"}));
  EXPECT_EQ(cuts_of(resnet().graph, 12).size(), 12U);
}

TEST(CleanCuts, StandBehindModulesWithTheirHeads) {
  const Graph graph = layer_graph({4}, {{{{"dense", 4}}, {{"relu"}, {"dense", 2}}}, {{{"dense", 4}}, {{"dense", 2}}}});
  const std::vector<std::string> cuts = cuts_of(graph, 9);
  EXPECT_EQ(cuts, (std::vector<std::string>{"dense_1", "dense_3", "dense_4"}));
}

}  // namespace
}  // namespace cleave
