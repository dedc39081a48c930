#include "engine/runtime/run_node.h"

#include <gtest/gtest.h>

#include "tests/engine/runtime/test_graphs.h"

namespace cleave {
namespace {

using namespace testing_ops;

TEST(RunNode, AppliesTheEpilogueAddFirstThenTheActivation) {
  Graph graph = input_graph(1);
  Node& node = graph.node(add_node(graph, kHalve, {NodeId{0}}));
  node.inputs.push_back(NodeId{0});
  node.epilogue = {NodeId{0}, &kHalve};
  Frame frame(graph, 1);
  frame.count = 1;
  frame.slot(NodeId{0}).data[0] = 8;
  run_graph(graph, pack_weights(graph, initial_weights(graph, 1)), frame);
  EXPECT_EQ(frame.output(NodeId{1}).data[0], 6.0F);  // (8/2 + 8)/2
}

TEST(RunNode, RoundsToHalvesBehindTheEpilogue) {
  Graph graph = input_graph(1);
  Node& node = graph.node(add_node(graph, kHalve, {NodeId{0}}));
  node.epilogue.activation = &kHalve;
  node.type.dtype = DType::f16;
  Frame frame(graph, 1);
  frame.count = 1;
  frame.slot(NodeId{0}).data[0] = 4 + 1 / 256.0F;  // a quarter of it lies half way between two halves
  run_graph(graph, pack_weights(graph, initial_weights(graph, 1)), frame);
  EXPECT_EQ(frame.output(NodeId{1}).data[0], 1.0009765625F);
}

TEST(RunNode, TakesMoreInputsThanMostOpsHave) {
  Graph graph = input_graph(1);
  add_node(graph, kHalve, std::vector<NodeId>(1, NodeId{0}));
  graph.nodes[1].inputs.assign(100, NodeId{0});
  Frame frame(graph, 1);
  frame.count = 1;
  frame.slot(NodeId{0}).data[0] = 8;
  run_graph(graph, {{}, {}}, frame);
  EXPECT_EQ(frame.output(NodeId{1}).data[0], 4.0F);
}

TEST(RunNode, PacksTheWeightsOfTheNodesThatHaveThem) {
  Graph graph = input_graph(1);
  add_node(graph, kGain, {NodeId{0}});
  Weights weights = initial_weights(graph, 1);
  weights[1].arrays[0][0] = 5;
  const std::vector<PackedWeights> packed = pack_weights(graph, weights);
  EXPECT_TRUE(packed[0].arrays.empty());
  EXPECT_EQ(packed[1].arrays, (std::vector<std::vector<float>>{{10}}));
}

TEST(FrameBytes, GrowsWithTheBatchByWholeCacheLines) {
  const Graph graph = input_graph(20);
  EXPECT_EQ(frame_bytes(graph, 16) - frame_bytes(graph, 4), 4 * (16 - 4) * 20);
  EXPECT_EQ(frame_bytes(graph, 2) - frame_bytes(graph, 1), 192 - 128);
}

}  // namespace
}  // namespace cleave
