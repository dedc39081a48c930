#include "engine/runtime/memory_plan.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "engine/runtime/flow.h"
#include "engine/runtime/run_node.h"
#include "graphs/passes.h"
#include "tests/engine/runtime/test_graphs.h"
#include "tests/support/models.h"

namespace cleave {
namespace {

using namespace testing_ops;

const std::vector<NodeId> kNone;

Graph chain(std::int32_t nodes, std::int64_t floats) {
  Graph graph = input_graph(floats);
  for (std::int32_t i = 0; i < nodes; ++i) add_node(graph, kHalve, {NodeId{i}});
  return graph;
}

TEST(MemoryPlan, AChainNeedsTwoBuffersHoweverLong) {
  const Graph graph = chain(40, 160);
  const MemoryPlan plan = plan_memory(graph, {.batch = 1, .kept = &kNone});
  EXPECT_EQ(plan.arena_floats, 2 * 160);
  EXPECT_EQ(plan.live_floats, 2 * 160);
  EXPECT_EQ(plan.kept_floats, 160);  // the input
}

TEST(MemoryPlan, BranchesShareOnlyWhereTheyRunOneAfterTheOther) {
  Graph graph = input_graph(16);
  std::vector<NodeId> ends;
  for (int branch = 0; branch < 4; ++branch)
    ends.push_back(add_node(graph, kHalve, {add_node(graph, kHalve, {NodeId{0}})}));
  add_node(graph, kMix, ends);
  const MemoryPlan parallel = plan_memory(graph, {.kept = &kNone});
  const MemoryPlan serial = plan_memory(graph, {.kept = &kNone, .serial = true});
  EXPECT_EQ(parallel.arena_floats, 16 * (4 + 4));
  EXPECT_EQ(serial.arena_floats, 16 * 5);
}

TEST(MemoryPlan, ASliceIsWhatACoresCacheHolds) {
  const Graph graph = chain(3, 16 * 1024);
  EXPECT_EQ(plan_memory(graph, {.batch = 128, .kept = &kNone}).slice, 4);
  EXPECT_EQ(plan_memory(graph, {.batch = 4, .threads = 2, .kept = &kNone}).slice, 2);
  EXPECT_EQ(plan_memory(chain(3, 16), {.batch = 128, .kept = &kNone}).slice, 128);
}

TEST(MemoryPlan, LargerGraphsThanCanBeComparedShareNothing) {
  const MemoryPlan plan = plan_memory(chain(5000, 16), {.kept = &kNone});
  EXPECT_EQ(plan.arena_floats, 5000 * 16);
}

// Runs the graph with shared buffers on two threads and compares what it gives with what a buffer each gives.
void expect_same_outputs(const Graph& graph, bool serial) {
  const Weights weights = initial_weights(graph, 1);
  const std::vector<NodeId> kept = unread_nodes(graph);
  const std::vector<PackedWeights> packed = pack_weights(graph, weights);
  Frame expected(graph, 5);
  Flow flow(graph, weights, {.batch = 5, .in_flight = 3, .threads = 2, .kept = kept, .serial = serial});
  flow.run(counting_source(graph, 40), [&](const FrameResult& result) {
    expected.count = result.count;
    std::ranges::copy(result.output(NodeId{0}).values(), expected.slot(NodeId{0}).data);
    run_graph(graph, packed, expected);
    for (const NodeId id : kept)
      EXPECT_TRUE(std::ranges::equal(result.output(id).values(), expected.output(id).values()));
  });
}

TEST(MemoryPlan, SharedBuffersGiveWhatBuffersOfTheirOwnGive) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    expect_same_outputs(random_dag(seed), false);
    expect_same_outputs(random_dag(seed), true);
  }
}

TEST(MemoryPlan, OfAShippedNetworkIsHardlyLargerThanWhatItNeedsAtOnce) {
  for (const char* name : {"resnet20-split.yaml", "fashion-hybrid.yaml"}) {
    Graph graph = model_of(text_of(std::filesystem::path(CLEAVE_SOURCE_DIR) / "graphs/models" / name)).graph;
    Weights none;
    run_passes(graph, none);
    const std::vector<NodeId> kept = unread_nodes(graph);
    const MemoryPlan plan = plan_memory(graph, {.kept = &kept});
    EXPECT_LT(plan.arena_floats, plan.live_floats + plan.live_floats / 20) << name;
  }
}

}  // namespace
}  // namespace cleave
