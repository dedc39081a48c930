// Workers are killed at random while frames flow: none is lost, doubled or out of order. CLEAVE_KILLS sets how many
// times (300 if not set), CLEAVE_SEED the seed.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>

#include "ops/core/rng.h"
#include "tests/support/local_swarm.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

std::int64_t number_from(const char* name, std::int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Kills one worker after the other, each as soon as frames have come since the last one, and counts how long they take
// to come again.
class Killer {
 public:
  Killer(LocalSwarm& swarm, std::int64_t kills, std::uint64_t seed, int signal = SIGKILL)
      : swarm_(swarm), left_(kills), signal_(signal), rng_(seed, kTestStream, 0) {}

  // Called by the swarm's own thread, which also restarts the workers.
  void look() {
    swarm_.workers->look();
    const std::int64_t seen = seen_;
    if (waiting_) {
      if (seen < wanted_) return;
      recoveries_s.push_back(seconds_since(killed_));
      waiting_ = false;
      next_ = Clock::now() + std::chrono::milliseconds(rng_.below(30));
    }
    if (left_ == 0 || seen == 0 || Clock::now() < next_) return;
    const auto victim = static_cast<std::size_t>(rng_.below(static_cast<std::int64_t>(swarm_.swarm.devices.size())));
    kill(swarm_.workers->pid_of(swarm_.swarm.devices[victim].name), signal_);
    killed_ = Clock::now();
    // As many frames as may have been behind the victim already, and one more.
    wanted_ = seen + swarm_.setup.in_flight * static_cast<std::int64_t>(swarm_.plan.stages.size()) + 3;
    waiting_ = true;
    --left_;
  }
  void saw_frame() { ++seen_; }
  bool is_done() const { return left_ == 0 && !waiting_; }

  std::vector<double> recoveries_s;

 private:
  LocalSwarm& swarm_;
  std::atomic<std::int64_t> left_;
  const int signal_;
  Rng rng_;
  std::atomic<std::int64_t> seen_ = 0;
  std::int64_t wanted_ = 0;
  std::atomic<bool> waiting_ = false;
  Clock::time_point killed_, next_;
};

struct KillRun {
  RunReport report;
  std::int64_t next = 0, wrong = 0;
};

// Sends frames of 64 kinds until all kills are done and the last one is got over.
KillRun run_and_kill(LocalSwarm& swarm, Killer& killer) {
  constexpr std::int64_t kKinds = 64;
  KillRun run;
  const std::vector<std::vector<float>> expected = answers_of_one_process(swarm, kKinds);
  const NodeId output = swarm.model.graph.output;
  SwarmFlow flow(swarm.model.graph, swarm.weights, swarm.plan, {output}, swarm.setup, swarm.stop);
  flow.start();
  const auto source = [&](std::int64_t seq, TensorView input) {
    if (killer.is_done()) return std::int64_t{0};
    fill_noise(seq % kKinds, input);
    return std::int64_t{1};
  };
  run.report = flow.run(source, [&](const FrameResult& result) {
    const std::span<const float> values = result.output(output).values();
    const std::vector<float>& right = expected[static_cast<std::size_t>(result.seq % kKinds)];
    if (result.seq != run.next++ || !std::equal(values.begin(), values.end(), right.begin(), right.end())) ++run.wrong;
    killer.saw_frame();
  });
  return run;
}

// Prints how long frames took to come again; returns the 99th percentile.
double print_recoveries(std::vector<double> times, const RunReport& report) {
  std::sort(times.begin(), times.end());
  const double p99 = times[static_cast<std::size_t>(0.99 * static_cast<double>(times.size() - 1))];
  std::printf("%zu kills, %lld frames, from kill to flow: median %.0f ms, p99 %.0f ms, longest %.0f ms\n", times.size(),
              static_cast<long long>(report.frames), 1e3 * times[times.size() / 2], 1e3 * p99, 1e3 * times.back());
  return p99;
}

TEST(Swarm, LosesDoublesAndReordersNothingWhenItsWorkersAreKilled) {
  const auto seed = static_cast<std::uint64_t>(number_from("CLEAVE_SEED", 1));
  SCOPED_TRACE("CLEAVE_SEED=" + std::to_string(seed));
  const std::unique_ptr<LocalSwarm> swarm = local_swarm(dense_chain(4), {"r1", "r2", "r3"});
  Killer killer(*swarm, number_from("CLEAVE_KILLS", 300), seed);
  swarm->setup.look = [&] { killer.look(); };
  const KillRun run = run_and_kill(*swarm, killer);
  EXPECT_EQ(run.wrong, 0);
  EXPECT_EQ(run.next, run.report.frames);
  EXPECT_LT(print_recoveries(killer.recoveries_s, run.report), 5);  // a second on a machine that does nothing else
}

// A worker that is asked to end has time for last words. They must not be that the frames are at their end: those
// behind it would wait for no more, and refuse what its successor sends.
TEST(Swarm, AWorkerThatIsAskedToEndIsNotTheEndOfTheFrames) {
  const std::unique_ptr<LocalSwarm> swarm = local_swarm(dense_chain(4), {"r1", "r2", "r3"});
  Killer killer(*swarm, 40, 1, SIGTERM);
  swarm->setup.look = [&] { killer.look(); };
  const KillRun run = run_and_kill(*swarm, killer);
  EXPECT_EQ(run.wrong, 0);
  EXPECT_EQ(run.next, run.report.frames);
}

}  // namespace
}  // namespace cleave
