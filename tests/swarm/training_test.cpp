// Training over worker processes: the same weights as on one machine, whatever dies.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>

#include <gtest/gtest.h>

#include "engine/train/run_checkpoint.h"
#include "engine/train/train_swarm.h"
#include "ops/core/rng.h"
#include "tests/support/local_swarm.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kCascade = R"(version: 1
name: cascade
network:
  input: {vector: 16}
  loss: {cross_entropy: {reduce: sum}}
  modules:
    - {name: m1, body: [{dense: {units: 16}}, relu], head: [{dense: {units: 3}}]}
    - {name: m2, weights: {binary: [-1, 1], scale: per_filter}, body: [{dense: {units: 16}}, sign],
       head: [{dense: {units: 3}, weights: real}]}
    - {name: m3, body: [{dense: {units: 16}}, relu], head: [{dense: {units: 3}}]}
    - {name: m4, body: [{dense: {units: 16}}, relu], head: [{dense: {units: 3}}]}
    - {name: m5, head: [{dense: {units: 3}}]}
)";

// Batches of noise whose class is the largest of three of its values.
BatchSource noise_batches(std::int64_t batches) {
  return [batches](std::int64_t epoch, std::int64_t batch, TensorView input, std::span<std::int32_t> labels) {
    if (batch >= batches) return std::int64_t{0};
    Rng rng(3, kTestStream, static_cast<std::uint64_t>(1000 * epoch + batch));
    for (float& value : input.values()) value = static_cast<float>(rng.normal());
    for (std::int64_t i = 0; i < input.batch; ++i) {
      const float* x = input.sample(i);
      labels[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(std::max_element(x, x + 3) - x);
    }
    return input.batch;
  };
}

struct SwarmRun {
  std::unique_ptr<LocalSwarm> swarm;
  TrainOptions options;
  SwarmTraining training;
  TrainHooks hooks;

  explicit SwarmRun(const std::vector<int>& device_of, const std::vector<std::string>& start_order = {})
      : swarm(local_swarm(kCascade, {"m1/relu", "m2/sign", "m3/relu", "m4/relu"}, start_order)) {
    options.batch = 64;
    options.epochs = 2;
    options.steps = 20;
    options.stop = &swarm->stop;
    training.setup = swarm->setup;
    training.device_of = device_of;
  }
  void make_async(BufferPolicy policy) {
    options.mode = TrainMode::async;
    options.buffer = {policy, 2, policy != BufferPolicy::fifo};
    options.stop_early = true;
    options.steps = 100;
  }
  std::string hash_of_one_machine(const BatchSource& source) const {
    Weights weights = swarm->weights;
    train(swarm->model.graph, weights, source, options);
    return weights_hash(swarm->model.graph, weights);
  }
  std::string train_here(const BatchSource& source) {
    Weights weights = swarm->weights;
    train_swarm(swarm->model.graph, weights, source, options, training, hooks);
    return weights_hash(swarm->model.graph, weights);
  }
};

TEST(SwarmTraining, GivesTheWeightsOfOneMachineToTheBit) {
  SwarmRun run({0, 1, 2, 3, 4});
  EXPECT_EQ(run.train_here(noise_batches(10)), run.hash_of_one_machine(noise_batches(10)));
}

// Notes the draws of every module at the last checkpoint.
std::function<void(const RunCheckpoint&, bool)> noting(std::vector<std::vector<Draw>>& draws) {
  return [&draws](const RunCheckpoint& checkpoint, bool) {
    draws.clear();
    for (const ModuleCheckpoint& module : checkpoint.modules) draws.push_back(module.draws);
  };
}

TEST(SwarmTraining, BringsBackTheDrawsThatWereKept) {
  SwarmRun run({0, 0, 1, 1, 4});
  run.options.keep_draws = 3;
  run.options.keep_every = 45;
  std::vector<std::vector<Draw>> there, here;
  run.hooks.on_checkpoint = noting(there);
  run.train_here(noise_batches(10));
  run.hooks.on_checkpoint = noting(here);
  Weights weights = run.swarm->weights;
  train(run.swarm->model.graph, weights, noise_batches(10), run.options, run.hooks);
  EXPECT_EQ(there.at(4).size(), 3U);
  EXPECT_EQ(there, here);
}

TEST(SwarmTraining, PutsSeveralModulesOnOneDevice) {
  SwarmRun run({0, 0, 1, 1, 4});
  EXPECT_EQ(run.train_here(noise_batches(10)), run.hash_of_one_machine(noise_batches(10)));
}

// All 120 orders of five devices.
class SwarmOrders : public testing::TestWithParam<int> {};

TEST_P(SwarmOrders, DoNotMatterToTheWeights) {
  const SwarmRun reference({0, 1, 2, 3, 4});
  const std::string expected = reference.hash_of_one_machine(noise_batches(2));
  std::vector<std::string> order = {"a", "b", "c", "d", "e"};
  std::vector<std::vector<std::string>> orders;
  do orders.push_back(order);
  while (std::next_permutation(order.begin(), order.end()));
  for (std::size_t i = static_cast<std::size_t>(GetParam()); i < orders.size(); i += 8) {
    SwarmRun run({0, 1, 2, 3, 4}, orders[i]);
    EXPECT_EQ(run.train_here(noise_batches(2)), expected) << testing::PrintToString(orders[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Parts, SwarmOrders, testing::Range(0, 8));

TEST(SwarmTraining, GoesOnElsewhereFromTheLastCheckpointWhenADeviceIsGone) {
  SwarmRun run({0, 1, 2, 3, 4});
  run.training.setup.gone_s = 0.5;
  run.training.setup.dead_s = 0.5;
  run.training.replan = [](const std::vector<std::string>& gone) {
    return gone == std::vector<std::string>{"b"} ? std::vector<int>{0, 0, 2, 3, 4} : std::vector<int>{};
  };
  run.hooks.on_batch = [&](const BatchProgress& progress) {
    if (progress.number == 5) kill(run.swarm->workers->pid_of("b"), SIGSTOP);
  };
  EXPECT_EQ(run.train_here(noise_batches(20)), run.hash_of_one_machine(noise_batches(20)));
}

// Nobody waits for anybody, some batches are dropped or learnt twice, a worker dies: all epochs end all the same.
class AsyncSwarm : public testing::TestWithParam<BufferPolicy> {};

TEST_P(AsyncSwarm, EndsWhateverTheBufferDoesAndWhoeverDies) {
  SwarmRun run({0, 1, 2, 3, 4});
  run.make_async(GetParam());
  bool killed = false;
  run.hooks.on_batch = [&](const BatchProgress& progress) {
    if (!killed && progress.module == ModuleId{2} && progress.batch > 3)
      killed = kill(run.swarm->workers->pid_of("c"), SIGKILL) == 0;
  };
  std::vector<std::int64_t> places;
  run.hooks.on_checkpoint = [&](const RunCheckpoint& made, bool) { places.push_back(made.place.number); };
  EXPECT_NE(run.train_here(noise_batches(20)), weights_hash(run.swarm->model.graph, run.swarm->weights));
  EXPECT_EQ(places.back(), 40);
  EXPECT_TRUE(killed);
}

INSTANTIATE_TEST_SUITE_P(Policies, AsyncSwarm,
                         testing::Values(BufferPolicy::fifo, BufferPolicy::latest, BufferPolicy::replay));

// Kills one worker after the other, twenty times; the source ends some batches later.
struct TwentyKills {
  explicit TwentyKills(SwarmRun& run) {
    run.training.setup.look = [this, &run] {
      run.swarm->workers->look();
      if (kills == 20 || Clock::now() < next) return;
      kill(run.swarm->workers->pid_of(run.swarm->swarm.devices[static_cast<std::size_t>(kills % 5)].name), SIGKILL);
      next = Clock::now() + std::chrono::milliseconds(400);
      ++kills;
    };
    run.hooks.on_batch = [this](const BatchProgress& progress) { learnt = std::max(learnt, progress.number + 1); };
    source = [this](std::int64_t epoch, std::int64_t batch, TensorView input, std::span<std::int32_t> labels) {
      return kills == 20 && batch % 50 == 0 && batch > 0 ? 0 : endless(epoch, batch, input, labels);
    };
  }
  std::atomic<int> kills = 0;
  std::int64_t learnt = 0;
  Clock::time_point next = Clock::now() + std::chrono::milliseconds(500);
  BatchSource endless = noise_batches(100000), source;
};

TEST(SwarmTraining, EndsWithTheSameWeightsAfterTwentyKills) {
  SwarmRun run({0, 1, 2, 3, 4});
  run.options.steps = 200;
  run.options.epochs = 1;
  const TwentyKills twenty(run);
  const std::string hash = run.train_here(twenty.source);
  EXPECT_EQ(twenty.kills, 20);
  EXPECT_EQ(hash, run.hash_of_one_machine(noise_batches(twenty.learnt)));
}

}  // namespace
}  // namespace cleave
