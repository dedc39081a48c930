#include "engine/train/replay.h"

#include <fstream>

#include <gtest/gtest.h>

#include "engine/train/cascade.h"
#include "tests/support/files.h"
#include "tests/support/quarters.h"

namespace cleave {
namespace {

// A module's batches as they would be read from its log.
void note(MessageLog& log, const BatchProgress& p) {
  log.modules[index_of(p.module)].push_back({p.number, p.sent, p.epoch, p.batch, p.steps, p.loss});
}

struct AsyncRun {
  Graph graph = three_modules();
  Quarters data;
  Weights weights = initial_weights(graph, 3);
  MessageLog log{.modules = std::vector<std::vector<TakenBatch>>(3), .broken = std::vector<bool>(3)};

  void train_async(BufferPolicy policy, bool drops) {
    TrainOptions options = options_for(2);
    options.mode = TrainMode::async;
    options.buffer = {policy, 2, drops};
    options.stop_early = true;
    TrainHooks hooks;
    hooks.on_learnt = [this](const BatchProgress& progress) { note(log, progress); };
    train_cascade(graph, weights, data.source(), options, hooks);
  }
  ReplayReport repeat(Weights& again, int threads = 1) {
    return replay(graph, again, data.source(), options_for(threads), log);
  }
};

TEST(Replay, OfAnAsynchronousRunEndsWithItsWeightsWhateverItsBuffersDid) {
  for (const BufferPolicy policy : {BufferPolicy::fifo, BufferPolicy::latest, BufferPolicy::replay})
    for (const bool drops : {false, true})
      for (const int threads : {1, 3}) {
        AsyncRun run;
        run.train_async(policy, drops);
        Weights again = initial_weights(run.graph, 3);
        const ReplayReport report = run.repeat(again, threads);
        EXPECT_EQ(weights_hash(run.graph, again), weights_hash(run.graph, run.weights));
        EXPECT_TRUE(report.differences.empty());
      }
}

TEST(Replay, SaysWhichBatchWentAnotherWay) {
  AsyncRun run;
  run.train_async(BufferPolicy::fifo, false);
  run.log.modules[2].back().loss += 0.5;
  Weights again = initial_weights(run.graph, 3);
  const ReplayReport report = run.repeat(again);
  ASSERT_EQ(report.differences.size(), 1U);
  EXPECT_EQ(index_of(report.differences.front().module), 2U);
  EXPECT_EQ(report.differences.front().logged, run.log.modules[2].back());
}

TEST(Replay, RefusesWhatWasNeverSentAndWhatCannotBeMadeAgain) {
  AsyncRun run;
  run.train_async(BufferPolicy::fifo, false);
  run.log.modules[2].back().number = 12345;
  Weights again = initial_weights(run.graph, 3);
  EXPECT_THROW(run.repeat(again), UserError);
  run.log.modules[2].pop_back();
  run.log.broken[1] = true;
  EXPECT_THROW(run.repeat(again), UserError);
}

BatchProgress learnt(int module, std::int64_t count, std::int64_t number) {
  return {.number = number, .learnt = count, .sent = number, .module = ModuleId{module}, .loss = 0.1, .steps = 5};
}

TEST(MessageLog, ReadsWhatWasWrittenButForAnUnfinishedLastLine) {
  const TestFolder folder;
  const std::filesystem::path path = folder.path("messages.log");
  MessageLogWriter(path).write(learnt(0, 1, 0));
  std::ofstream(path, std::ios::app) << "0,2,1,1,0,1,5,0.";
  EXPECT_EQ(read_message_log(path, 2).modules[0].size(), 1U);
  MessageLogWriter(path).write(learnt(0, 2, 7));  // the unfinished line gives way
  const MessageLog log = read_message_log(path, 2);
  ASSERT_EQ(log.modules[0].size(), 2U);
  EXPECT_EQ(log.modules[0][1], (TakenBatch{.number = 7, .sent = 7, .steps = 5, .loss = 0.1}));
}

TEST(MessageLog, OfAModuleBegunAnewCountsFromThere) {
  const TestFolder folder;
  const std::filesystem::path path = folder.path("messages.log");
  MessageLogWriter writer(path);
  for (const std::int64_t count : {1, 2, 3}) writer.write(learnt(0, count, count));
  writer.write(learnt(1, 1, 3));
  writer.write(learnt(0, 2, 9));
  const MessageLog log = read_message_log(path, 2);
  ASSERT_EQ(log.modules[0].size(), 2U);
  EXPECT_EQ(log.modules[0][1].number, 9);
  EXPECT_TRUE(log.broken[0]);  // module 1 learnt number 3, which is gone
  writer.write(learnt(1, 1, 9));
  EXPECT_FALSE(read_message_log(path, 2).broken[0]);
}

TEST(MessageLog, OfAnotherVersionModelOrWithAGapIsRefused) {
  const TestFolder folder;
  const std::filesystem::path path = folder.path("messages.log");
  MessageLogWriter(path).write(learnt(3, 1, 0));
  EXPECT_THROW(read_message_log(path, 2), UserError);
  EXPECT_EQ(read_message_log(path, 4).modules[3].size(), 1U);
  MessageLogWriter(path).write(learnt(3, 3, 0));
  EXPECT_THROW(read_message_log(path, 4), RunError);
  std::ofstream(path) << "# cleave messages 2\n";
  EXPECT_THROW(read_message_log(path, 2), UserError);
}

}  // namespace
}  // namespace cleave
