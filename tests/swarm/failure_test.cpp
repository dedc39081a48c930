// What becomes of a run when a worker hangs, comes back, or is gone for good.
#include <chrono>
#include <csignal>

#include <gtest/gtest.h>

#include "tests/support/local_swarm.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A pipeline of four stages whose frames are compared with those of one process.
struct Pipeline {
  std::unique_ptr<LocalSwarm> swarm = local_swarm(dense_chain(4), {"r1", "r2", "r3"});
  std::int64_t next = 0, wrong = 0;
  std::function<void(std::int64_t seq)> on_frame;
  SwarmReport report;

  // Runs until `more` says no, or the swarm throws.
  RunReport run(const std::function<bool(std::int64_t seq)>& more) {
    constexpr std::int64_t kKinds = 16;
    const std::vector<std::vector<float>> expected = answers_of_one_process(*swarm, kKinds);
    const NodeId output = swarm->model.graph.output;
    SwarmFlow flow(swarm->model.graph, swarm->weights, swarm->plan, {output}, swarm->setup, swarm->stop);
    flow.start();
    const auto source = [&](std::int64_t seq, TensorView input) {
      if (!more(seq)) return std::int64_t{0};
      fill_noise(seq % kKinds, input);
      return std::int64_t{1};
    };
    const auto sink = [&](const FrameResult& result) {
      const std::span<const float> values = result.output(output).values();
      const std::vector<float>& right = expected[static_cast<std::size_t>(result.seq % kKinds)];
      if (result.seq != next++ || !std::equal(values.begin(), values.end(), right.begin(), right.end())) ++wrong;
      if (on_frame) on_frame(result.seq);
    };
    const RunReport run_report = flow.run(source, sink);
    report = flow.report();
    return run_report;
  }
};

// Stops a worker at frame 50 and lets it go on a second later.
struct Hang {
  explicit Hang(Pipeline& pipeline) {
    LocalWorkers& workers = *pipeline.swarm->workers;
    pipeline.swarm->setup.look = [this, &workers] {
      workers.look();
      if (hangs && seconds_since(stopped) > 1) kill(workers.pid_of("b"), SIGCONT), hangs = false;
    };
    pipeline.on_frame = [this, &workers](std::int64_t seq) {
      if (seq != 50) return;
      kill(workers.pid_of("b"), SIGSTOP);
      stopped = Clock::now();
      hangs = true;
    };
  }
  std::atomic<bool> hangs = false;
  Clock::time_point stopped;
};

TEST(SwarmFailure, AWorkerThatHangsAndComesBackCostsTimeOnly) {
  Pipeline pipeline;
  pipeline.swarm->setup.dead_s = 0.5;
  const Hang hang(pipeline);
  EXPECT_EQ(pipeline.run([](std::int64_t seq) { return seq < 200; }).frames, 200);
  EXPECT_EQ(pipeline.wrong, 0);
  EXPECT_EQ(pipeline.report.stages[1].incarnation, 1U);  // it is the same process
}

TEST(SwarmFailure, ADeviceThatIsGoneIsReplacedByThePlanWithoutIt) {
  Pipeline pipeline;
  pipeline.swarm->setup.dead_s = pipeline.swarm->setup.gone_s = 0.5;
  const Plan in_two = local_swarm(dense_chain(4), {"r2"})->plan;
  pipeline.swarm->setup.replan = [&](const std::vector<std::string>& gone) -> std::optional<Plan> {
    return gone == std::vector<std::string>{"d"} ? std::optional(in_two) : std::nullopt;
  };
  pipeline.on_frame = [&](std::int64_t seq) {
    if (seq == 50) kill(pipeline.swarm->workers->pid_of("d"), SIGSTOP);
  };
  EXPECT_EQ(pipeline.run([](std::int64_t seq) { return seq < 200; }).frames, 200);
  EXPECT_EQ(pipeline.wrong, 0);
  EXPECT_EQ(pipeline.report.replans, 1);
  EXPECT_EQ(pipeline.report.stages.size(), 2U);
}

TEST(SwarmFailure, WithoutAPlanForTheRestTheRunEndsAndSaysWhoIsMissing) {
  Pipeline pipeline;
  pipeline.swarm->setup.dead_s = pipeline.swarm->setup.gone_s = 0.5;
  pipeline.swarm->setup.replan = [](const std::vector<std::string>&) { return std::optional<Plan>(); };
  pipeline.on_frame = [&](std::int64_t seq) {
    if (seq == 5) kill(pipeline.swarm->workers->pid_of("c"), SIGSTOP);
  };
  try {
    pipeline.run([](std::int64_t seq) { return seq < 200; });
    FAIL() << "it went on without a worker";
  } catch (const RunError& error) {
    EXPECT_EQ(error.code(), ExitCode::unreachable);
    EXPECT_NE(std::string(error.what()).find("c did not come back"), std::string::npos) << error.what();
  }
}

TEST(SwarmFailure, AWorkerThatIsNotThereIsNamedAtTheStart) {
  Pipeline pipeline;
  kill(pipeline.swarm->workers->pid_of("c"), SIGSTOP);
  pipeline.swarm->setup.connect_s = 1;
  try {
    pipeline.run([](std::int64_t) { return true; });
    FAIL() << "it began without a worker";
  } catch (const RunError& error) {
    EXPECT_EQ(error.code(), ExitCode::unreachable);
    EXPECT_NE(std::string(error.what()).find("c (ipc://"), std::string::npos) << error.what();
    EXPECT_EQ(std::string(error.what()).find("b (ipc://"), std::string::npos) << error.what();
  }
}

TEST(SwarmFailure, AStopFinishesWhatIsUnderWay) {
  Pipeline pipeline;
  pipeline.on_frame = [&](std::int64_t seq) {
    if (seq == 20) pipeline.swarm->stop = true;
  };
  const RunReport report = pipeline.run([](std::int64_t) { return true; });
  EXPECT_TRUE(report.stopped);
  EXPECT_EQ(report.frames, pipeline.next);
  EXPECT_EQ(pipeline.wrong, 0);
}

}  // namespace
}  // namespace cleave
