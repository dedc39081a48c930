#include "engine/train/cascade.h"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/train/batch_reader.h"
#include "engine/train/run_checkpoint.h"
#include "tests/support/quarters.h"

namespace cleave {
namespace {

TrainOptions lockstep(int threads = 1) {
  TrainOptions options = options_for(threads);
  options.mode = TrainMode::lockstep;
  return options;
}

TrainOptions async(BufferPolicy policy, bool drop_oldest, bool stop_early) {
  TrainOptions options = options_for(2);
  options.mode = TrainMode::async;
  options.buffer = {policy, 2, drop_oldest};
  options.stop_early = stop_early;
  return options;
}

// A graph with its data and start weights.
struct Task {
  explicit Task(const Graph& of = three_modules()) : graph(of), weights(initial_weights(graph, 3)) {}

  TrainReport in_ticks(const TrainOptions& options, const TrainHooks& hooks = {}) {
    return train(graph, weights, data.source(), options, hooks);
  }
  TrainReport in_threads(const TrainOptions& options, const TrainHooks& hooks = {}) {
    return train_cascade(graph, weights, data.source(), options, hooks);
  }
  std::string hash() const { return weights_hash(graph, weights); }

  Quarters data;
  Graph graph;
  Weights weights;
};

TEST(Cascade, InLockstepIsTrainToTheBit) {
  for (const std::size_t modules : {1U, 2U, 5U})
    for (const int threads : {1, 3}) {
      Task ticks(modules_in_a_row(modules)), threaded(modules_in_a_row(modules));
      const TrainReport expected = ticks.in_ticks(lockstep());
      const TrainReport report = threaded.in_threads(lockstep(threads));
      EXPECT_EQ(threaded.hash(), ticks.hash()) << modules << " modules, " << threads << " threads";
      EXPECT_EQ(report.batches, expected.batches);
      for (std::size_t m = 0; m < modules; ++m) EXPECT_EQ(report.modules[m].counts, expected.modules[m].counts);
    }
}

TEST(Cascade, InLockstepIsTrainToTheBitWhateverIsSent) {
  for (const DType dtype : {DType::f16, DType::i8}) {
    Graph graph = modules_in_a_row(3);
    for (Module& module : graph.modules) module.send = dtype;
    Task ticks(graph), threaded(graph), plain(modules_in_a_row(3));
    const double loss = ticks.in_ticks(lockstep()).modules[2].loss;
    EXPECT_EQ(threaded.in_threads(lockstep(2)).modules[2].loss, loss);
    EXPECT_EQ(threaded.hash(), ticks.hash());
    EXPECT_NE(plain.in_ticks(lockstep()).modules[2].loss, loss);
  }
}

// Trains three modules and checks that what was reported batch by batch adds up to the end's report.
TrainReport checked_async(const TrainOptions& options) {
  Task task;
  std::vector<std::int64_t> steps(3), batches(3);
  TrainHooks hooks;
  hooks.on_batch = [&](const BatchProgress& progress) {
    steps[index_of(progress.module)] += progress.steps;
    ++batches[index_of(progress.module)];
  };
  TrainReport report = task.in_threads(options, hooks);
  for (std::size_t m = 0; m < 3; ++m) {
    EXPECT_EQ(report.modules[m].counts.steps, steps[m]);
    EXPECT_EQ(report.modules[m].batches, batches[m]);
  }
  return report;
}

TEST(Cascade, StepsAndBatchesAddUpWhateverTheBufferDoes) {
  for (const BufferPolicy policy : {BufferPolicy::fifo, BufferPolicy::latest, BufferPolicy::replay})
    for (const bool drop_oldest : {false, true})
      for (const bool stop_early : {false, true}) {
        const TrainReport report = checked_async(async(policy, drop_oldest, stop_early));
        EXPECT_EQ(report.modules[0].counts.steps, 6 * 300);  // the first reads every batch and never leaves one
        EXPECT_GE(report.modules[2].batches, 1);
        EXPECT_LE(report.modules[1].counts.steps, 300 * report.modules[1].batches);
      }
}

TEST(Cascade, OfFifosThatWaitLosesNoBatch) {
  const TrainReport report = checked_async(async(BufferPolicy::fifo, false, true));
  for (const ModuleReport& module : report.modules) EXPECT_EQ(module.batches, 6);
}

// Runs one module on these batches put beforehand; returns the numbers it sent.
std::vector<std::int64_t> sent_by(ModuleId module, const TrainOptions& options, std::vector<TrainBatch> batches,
                                  ModulePorts ports = {}) {
  Task task(modules_in_a_row(2));
  BatchBuffer in({options.buffer.policy, static_cast<std::int64_t>(batches.size()), false});
  for (TrainBatch& batch : batches) {
    batch.data.shape = task.graph.node(task.graph.module(module).input).type.shape;
    in.put(std::move(batch));
  }
  in.end();
  std::vector<std::int64_t> numbers;
  ports.send = [&](TrainBatch&& batch) {
    numbers.push_back(batch.number);
    return true;
  };
  ModuleTrainer trainer(task.graph, module, options, task.weights);
  EXPECT_TRUE(run_module(trainer, module, options, in, ports, 1));
  return numbers;
}

// Batches with values for a module that reads 16 of them.
std::vector<TrainBatch> four_batches() {
  const Task task;
  BatchReader reader(task.graph, task.data.source(), options_for(1));
  std::vector<TrainBatch> batches(4);
  for (TrainBatch& batch : batches) reader.next(batch);
  return batches;
}

TEST(RunModule, ReportsItsStateBeforeItPassesAMarkerOnAndAtTheEnd) {
  std::vector<TrainBatch> batches = four_batches();
  batches[1].marker = true;
  std::vector<std::int64_t> next, steps;
  ModulePorts ports;
  ports.checkpoint = [&](const ModuleCheckpoint& state) {
    next.push_back(state.next);
    steps.push_back(state.counts.steps);
  };
  EXPECT_EQ(sent_by(ModuleId{0}, lockstep(), batches, ports), (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(next, (std::vector<std::int64_t>{2, 4}));
  EXPECT_EQ(steps, (std::vector<std::int64_t>{600, 1200}));
}

TEST(RunModule, PassesTestBatchesThroughWithoutLearning) {
  std::vector<TrainBatch> batches = four_batches();
  batches[2].test = true;
  std::vector<std::int64_t> learnt, scored;
  ModulePorts ports;
  ports.progress = [&](const BatchProgress& progress) { learnt.push_back(progress.number); };
  ports.scored = [&](std::int64_t number, const TestScore& score) {
    scored.push_back(number);
    EXPECT_EQ(score.images, 77);
  };
  EXPECT_EQ(sent_by(ModuleId{0}, lockstep(), batches, ports), (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(learnt, (std::vector<std::int64_t>{0, 1, 3}));
  EXPECT_EQ(scored, (std::vector<std::int64_t>{2}));
}

TEST(RunModule, NumbersWhatItSendsUpwardsAlsoWhereItLearnsBackwards) {
  TrainOptions options = async(BufferPolicy::replay, false, false);
  EXPECT_EQ(sent_by(ModuleId{0}, options, four_batches()), (std::vector<std::int64_t>{3, 4, 5, 6}));
}

// The numbers of steps a second module does when four batches wait from the start.
std::vector<std::int64_t> steps_on_waiting_batches(const TrainOptions& options) {
  Task task(modules_in_a_row(2));
  ModuleTrainer first(task.graph, ModuleId{0}, options, task.weights);
  BatchBuffer in({BufferPolicy::fifo, 4, false});
  for (const TrainBatch& batch : four_batches()) {
    first.learn(batch);
    TrainBatch sent;
    sent.number = batch.number;
    first.copy_body(sent.data);
    in.put(std::move(sent));
  }
  in.end();
  std::vector<std::int64_t> steps;
  ModulePorts ports;
  ports.progress = [&](const BatchProgress& progress) { steps.push_back(progress.steps); };
  ModuleTrainer second(task.graph, ModuleId{1}, options, task.weights);
  run_module(second, ModuleId{1}, options, in, ports, 1);
  return steps;
}

TEST(RunModule, LeavesABatchForANewerOneOnlyInAsyncAndWhereAsked) {
  TrainOptions options = async(BufferPolicy::fifo, false, true);
  EXPECT_EQ(steps_on_waiting_batches(options), (std::vector<std::int64_t>{1, 1, 1, 300}));
  options.stop_early = false;
  EXPECT_EQ(steps_on_waiting_batches(options), (std::vector<std::int64_t>{300, 300, 300, 300}));
  options.stop_early = true;
  options.mode = TrainMode::lockstep;
  EXPECT_EQ(steps_on_waiting_batches(options), (std::vector<std::int64_t>{300, 300, 300, 300}));
}

TEST(Cascade, TheStopFlagEndsItSoonAndWithACheckpoint) {
  for (const bool in_lockstep : {true, false}) {
    Task task;
    std::atomic<bool> stop = false;
    std::vector<RunCheckpoint> saved;
    TrainOptions options = in_lockstep ? lockstep(2) : async(BufferPolicy::replay, false, false);
    options.epochs = 1'000'000;
    options.stop = &stop;
    TrainHooks hooks;
    hooks.on_batch = [&](const BatchProgress& progress) { stop = stop || progress.number == 4; };
    hooks.on_checkpoint = [&](const RunCheckpoint& checkpoint, bool) { saved.push_back(checkpoint); };
    EXPECT_TRUE(task.in_threads(options, hooks).stopped);
    ASSERT_EQ(saved.size(), 1U);
    EXPECT_EQ(saved[0].place.number, saved[0].modules[0].next);
    EXPECT_TRUE(!in_lockstep || saved[0].modules[2].next == saved[0].place.number);
  }
}

TEST(Cascade, WhatAHookOrTheSourceThrowsReachesTheCaller) {
  Task task;
  TrainHooks hooks;
  hooks.on_batch = [](const BatchProgress&) { throw RunError("the disk is full"); };
  EXPECT_THROW(task.in_threads(lockstep(), hooks), RunError);
  hooks.on_batch = {};
  hooks.on_step = [](ModuleId, const TraceRow&) { throw RunError("the disk is full"); };
  EXPECT_THROW(task.in_threads(async(BufferPolicy::fifo, false, false), hooks), RunError);
  task.data.labels[0] = 99;
  EXPECT_THROW(task.in_threads(lockstep()), UserError);
}

}  // namespace
}  // namespace cleave
