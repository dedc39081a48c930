#include "engine/runtime/flow.h"

#include <chrono>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include "engine/runtime/run_node.h"
#include "tests/engine/runtime/test_graphs.h"

namespace cleave {
namespace {

using namespace testing_ops;

const FrameSink kNoSink = [](const FrameResult&) {};

// A chain of `length` nodes.
Graph chain(std::int64_t length) {
  Graph graph = input_graph(2);
  for (std::int64_t i = 0; i < length; ++i) add_node(graph, kHalve, {graph.output});
  return graph;
}

class FlowEqualsSequential : public ::testing::TestWithParam<std::tuple<int, std::int64_t>> {};

TEST_P(FlowEqualsSequential, OnRandomGraphs) {
  const tbb::global_control more_than_cores(tbb::global_control::max_allowed_parallelism, 4);
  const auto [threads, in_flight] = GetParam();
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const Graph graph = random_dag(seed);
    ASSERT_TRUE(check_graph(graph).empty());
    const Weights weights = initial_weights(graph, seed);
    const auto batch = static_cast<std::int64_t>(1 + seed % 4);
    const FlowOptions options{.batch = batch, .in_flight = in_flight, .threads = threads};
    ASSERT_TRUE(flow_outputs(graph, weights, options, 150) == sequential_outputs(graph, weights, batch, 150))
        << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(ThreadsAndFrames, FlowEqualsSequential,
                         ::testing::Combine(::testing::Values(1, 2, 4), ::testing::Values(1, 2, 64)));

TEST(Flow, BranchesOfOneFrameRunBesideEachOther) {
  const tbb::global_control two(tbb::global_control::max_allowed_parallelism, 2);
  std::atomic<int> count = 0;
  Graph graph = input_graph(1);
  const NodeId left = add_node(graph, kMeet, {NodeId{0}}, count_params(count));
  const NodeId right = add_node(graph, kMeet, {NodeId{0}}, count_params(count));
  add_node(graph, kMix, {left, right});
  EXPECT_EQ(run_error(graph, {.in_flight = 1, .threads = 2, .stall_s = 10}, 1), "");
}

TEST(Flow, FramesRunBesideEachOther) {
  const tbb::global_control two(tbb::global_control::max_allowed_parallelism, 2);
  std::atomic<int> count = 0;
  Graph graph = input_graph(1);
  add_node(graph, kMeet, {NodeId{0}}, count_params(count));
  EXPECT_EQ(run_error(graph, {.in_flight = 2, .threads = 2, .stall_s = 10}, 2), "");
}

TEST(Flow, GivesFramesToTheSinkInOrderOneAtATime) {
  const Graph graph = random_dag(3);
  Flow flow(graph, initial_weights(graph, 1), {.batch = 1, .in_flight = 8, .threads = 2});
  std::int64_t next = 0;
  std::atomic<int> inside = 0;
  flow.run(counting_source(graph, 2000), [&](const FrameResult& result) {
    EXPECT_EQ(++inside, 1);
    EXPECT_EQ(result.seq, next++);
    --inside;
  });
  EXPECT_EQ(next, 2000);
}

TEST(Flow, CountsFramesAndSamplesWithASmallerLastBatch) {
  const Graph graph = chain(3);
  Flow flow(graph, initial_weights(graph, 1), {.batch = 8, .time_nodes = true});
  const RunReport report = flow.run(counting_source(graph, 20), kNoSink);
  EXPECT_EQ(report.frames, 3);
  EXPECT_EQ(report.samples, 20);
  EXPECT_FALSE(report.stopped);
  EXPECT_EQ(report.node_seconds.size(), 4U);
  EXPECT_GT(report.node_seconds.back(), 0);
}

TEST(Flow, AnEmptySourceGivesNoFrames) {
  const Graph graph = chain(3);
  Flow flow(graph, initial_weights(graph, 1), {});
  EXPECT_EQ(flow.run(counting_source(graph, 0), kNoSink).frames, 0);
}

TEST(Flow, RunsAGraphOfOnlyItsInput) {
  const Graph graph = input_graph(3);
  const Weights weights = initial_weights(graph, 1);
  EXPECT_EQ(flow_outputs(graph, weights, {.batch = 2, .threads = 2}, 5), sequential_outputs(graph, weights, 2, 5));
}

TEST(Flow, RunsAChainLongerThanAnyStack) {
  const Graph graph = chain(30'000);
  Flow flow(graph, initial_weights(graph, 1), {.threads = 2});
  EXPECT_EQ(flow.run(counting_source(graph, 3), kNoSink).frames, 3);
}

TEST(Flow, MayRunAgain) {
  const Graph graph = chain(3);
  Flow flow(graph, initial_weights(graph, 1), {.batch = 2, .threads = 2});
  for (const std::int64_t samples : {7, 0, 9})
    EXPECT_EQ(flow.run(counting_source(graph, samples), kNoSink).samples, samples);
}

TEST(Flow, FlushesDenormalsOnItsThreads) {
  Graph graph = input_graph(1);
  add_node(graph, kTiny, {NodeId{0}});
  add_node(graph, kTiny, {NodeId{0}});
  Flow flow(graph, initial_weights(graph, 1), {.threads = 2});
  flow.run(counting_source(graph, 500), [&](const FrameResult& result) {
    EXPECT_EQ(result.output(NodeId{1}).data[0], 0.0F);
    EXPECT_EQ(result.output(NodeId{2}).data[0], 0.0F);
  });
}

TEST(Flow, AStallNamesTheNode) {
  static std::atomic<bool> release;  // outlives the threads that a stall leaves behind
  release = false;
  Graph graph = chain(2);
  const NodeId blocked = add_node(graph, kBlock, {graph.output}, flag_params(release));
  add_node(graph, kHalve, {blocked});
  for (const int threads : {1, 2})
    EXPECT_EQ(run_error(graph, {.in_flight = 2, .threads = threads, .stall_s = 0.1}, 10),
              "nothing has moved for 0.1 s; waiting for node 'block_3' (block)");
  release = true;
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // let them end
}

TEST(Flow, ASlowSourceOrSinkIsNoStall) {
  const Graph graph = chain(2);
  Flow flow(graph, initial_weights(graph, 1), {.in_flight = 2, .threads = 2, .stall_s = 0.05});
  const FrameSource source = counting_source(graph, 2);
  const auto slow_source = [&](std::int64_t seq, TensorView input) {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    return source(seq, input);
  };
  const auto slow_sink = [](const FrameResult&) { std::this_thread::sleep_for(std::chrono::milliseconds(150)); };
  EXPECT_EQ(flow.run(slow_source, slow_sink).frames, 2);
}

TEST(Flow, AnExceptionOfAnOpNamesTheNode) {
  Graph graph = chain(2);
  Params params;
  params.set("limit", std::int64_t{0});
  add_node(graph, kThrow, {graph.output}, params);
  add_node(graph, kHalve, {graph.output});
  for (const int threads : {1, 2})
    EXPECT_EQ(run_error(graph, {.in_flight = 4, .threads = threads}, 1000), "node 'throw_3' (throw): out of luck");
}

TEST(Flow, TheSinkSeesEveryFrameBeforeTheOneThatFailed) {
  Graph graph = input_graph(1);
  Params params;
  params.set("limit", std::int64_t{100});
  add_node(graph, kThrow, {NodeId{0}}, params);
  for (const int threads : {1, 2}) {
    Flow flow(graph, initial_weights(graph, 1), {.in_flight = 16, .threads = threads});
    std::int64_t frames = 0;
    EXPECT_THROW(flow.run(counting_source(graph, 1000), [&](const FrameResult&) { ++frames; }), RunError);
    EXPECT_EQ(frames, 100);
    EXPECT_EQ(flow.run(counting_source(graph, 50), kNoSink).frames, 50);
  }
}

TEST(Flow, AnExceptionOfTheSourceIsThrownAfterTheFramesUnderWay) {
  const Graph graph = chain(5);
  Flow flow(graph, initial_weights(graph, 1), {.in_flight = 4, .threads = 2});
  std::int64_t frames = 0;
  const auto source = [&](std::int64_t seq, TensorView) -> std::int64_t {
    if (seq == 7) throw std::out_of_range("source");
    return 1;
  };
  EXPECT_THROW(flow.run(source, [&](const FrameResult&) { ++frames; }), std::out_of_range);
  EXPECT_EQ(frames, 7);
}

TEST(Flow, AnExceptionOfTheSinkEndsTheRun) {
  const Graph graph = chain(5);
  Flow flow(graph, initial_weights(graph, 1), {.in_flight = 4, .threads = 2});
  std::int64_t frames = 0;
  const auto sink = [&](const FrameResult&) {
    if (++frames == 7) throw std::out_of_range("sink");
  };
  EXPECT_THROW(flow.run(counting_source(graph, 1000), sink), std::out_of_range);
  EXPECT_EQ(frames, 7);
}

TEST(Flow, TheStopFlagEndsTheRunWithWholeFrames) {
  const Graph graph = chain(5);
  std::atomic<bool> stop = false;
  Flow flow(graph, initial_weights(graph, 1), {.in_flight = 4, .threads = 2, .stop = &stop});
  const auto sink = [&](const FrameResult& result) { stop = result.seq >= 20; };
  const RunReport report = flow.run(counting_source(graph, 1'000'000), sink);
  EXPECT_TRUE(report.stopped);
  EXPECT_GE(report.frames, 21);
  EXPECT_LE(report.frames, 25);
}

// A graph with inputs `a` and `b` and, from them, a mix; `lonely` is an input that nothing reads.
Graph three_inputs() {
  Graph graph = input_graph(2);
  graph.nodes.resize(3, graph.nodes[0]);
  const NodeId mixed = add_node(graph, kMix, {NodeId{0}, NodeId{1}});
  add_node(graph, kHalve, {mixed});
  return graph;
}

std::int64_t fill_three(std::int64_t seq, const Frame& frame) {
  for (std::int32_t input = 0; input < 3; ++input)
    for (float& value : frame.whole_slot(NodeId{input}).values()) value = static_cast<float>(10 * seq + input);
  return seq < 200 ? frame.batch() : 0;
}

TEST(Flow, FillsEveryInputOfAFrame) {
  const Graph graph = three_inputs();
  const std::vector<PackedWeights> packed = pack_weights(graph, initial_weights(graph, 1));
  Frame expected(graph, 2);
  expected.count = 2;
  for (const int threads : {1, 2}) {
    Flow flow(graph, initial_weights(graph, 1), {.batch = 2, .in_flight = 3, .threads = threads});
    const RunReport report = flow.run(fill_three, [&](const FrameResult& result) {
      fill_three(result.seq, expected);
      run_graph(graph, packed, expected);
      for (std::int32_t node = 0; node < 5; ++node)
        EXPECT_EQ(result.output(NodeId{node}).data[3], expected.output(NodeId{node}).data[3]);
    });
    EXPECT_EQ(report.samples, 400);
  }
}

TEST(Flow, RefusesFramesThatDoNotFitInMemory) {
  const Graph graph = input_graph(std::int64_t{1} << 40);
  EXPECT_THROW(Flow(graph, initial_weights(graph, 1), {.batch = 1 << 16}), RunError);
}

}  // namespace
}  // namespace cleave
