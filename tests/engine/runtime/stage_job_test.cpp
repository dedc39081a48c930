// A stage between two ends of its coordinator: with which frame it begins, and when it says that there are no more.
#include <thread>

#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "engine/runtime/edge_bridge.h"
#include "engine/runtime/stage_job.h"
#include "graphs/doc_text.h"
#include "ops/core/error.h"
#include "tests/support/bridges.h"
#include "tests/support/local_swarm.h"

namespace cleave {
namespace {

const std::string kDevice = "a";

Assignment whole_network(const Graph& graph, std::uint64_t first) {
  Assignment a;
  a.mode = "infer";
  a.plan.stages.emplace_back().device = 0;
  for (std::size_t i = 1; i < graph.nodes.size(); ++i)
    a.plan.stages[0].nodes.push_back(NodeId{static_cast<std::int32_t>(i)});
  a.devices = {kDevice};
  a.wanted = {graph.node(graph.output).name};
  a.first = first;
  return a;
}

// The stage is all of a network, so that the coordinator feeds it and takes what it makes.
struct OneStage {
  explicit OneStage(std::uint64_t first) : assignment(whole_network(model.graph, first)) {}
  ~OneStage() { end(); }

  // Begins it; the coordinator gives frames from `fed` on and wants answers from `wanted` on.
  void begin(std::uint64_t fed, std::uint64_t wanted) {
    job = std::thread([this] { run(); });
    feed = bridge_of(sharding.feeds.front(), true);
    answers = bridge_of(sharding.answers.front(), false);
    feed->start_at(fed);
    answers->expect_from(wanted);
    feed->start();
    answers->start();
  }
  void give(std::uint64_t seq) {
    const auto payload = std::make_shared<Buffer>(sharding.feeds.front().item_bytes);
    std::fill(payload->bytes().begin(), payload->bytes().end(), std::byte{0});
    feed->send({.seq = seq, .tag = 0, .flags = 0, .payload = payload});
  }
  void end() {
    signals.stop();
    if (job.joinable()) job.join();
  }

  Model model = load_model_text("test.yaml", dense_chain(1), cleave_language());
  Assignment assignment;
  Sharding sharding = make_shards(model.graph, initial_weights(model.graph, 1), assignment.plan, assignment.devices,
                                  {model.graph.output});
  Acceptor acceptor{any_port(), {}, {}, {}};
  JobSignals signals;
  std::unique_ptr<Bridge> feed, answers;
  std::thread job;
  std::string failure;

 private:
  std::unique_ptr<Bridge> bridge_of(const ShardEdge& edge, bool is_sender) {
    BridgeOptions options = edge_bridge(assignment, sharding, edge, {kCoordinator, 1, 1}, is_sender);
    options.dial = acceptor.address();
    return std::make_unique<Bridge>(std::move(options));
  }
  void run() {
    const std::string text = doc_to_yaml(model.reading.doc, false);
    const std::vector<std::byte> weights = shard_weights_bytes(sharding.shards.front());
    const Language language = cleave_language();
    const TlsFiles no_tls;
    JobContext context{assignment, text, weights, {}, language, acceptor, no_tls, 2, signals, {}, {}};
    context.tell = [](ControlKind, std::string_view) {};
    try {
      run_stage(context);
    } catch (const RunError& error) {
      failure = error.what();
    }
  }
};

TEST(StageJob, BeginsLaterThanItWasToldWhenAllBeforeIsSafeBySoMuch) {
  OneStage stage(2);
  stage.begin(4, 2);  // 2 and 3 came from a predecessor while this stage was being given out
  stage.give(4);
  stage.give(5);
  for (const std::uint64_t seq : {4U, 5U}) {
    const std::optional<WireFrame> answer = stage.answers->receive(30);
    ASSERT_TRUE(answer.has_value()) << stage.failure;
    EXPECT_EQ(answer->seq, seq);
  }
}

TEST(StageJob, TellsOfTheEndThatItIsTold) {
  OneStage stage(0);
  stage.begin(0, 0);
  stage.give(0);
  stage.feed->end_at(1);
  ASSERT_TRUE(stage.answers->receive(30).has_value());
  EXPECT_TRUE(wait_for([&] { return stage.answers->is_at_end(); }));
}

}  // namespace
}  // namespace cleave
