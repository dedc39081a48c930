#include "engine/train/buffer.h"

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cleave {
namespace {

constexpr double kForever = -1;
constexpr std::int64_t kRoom = 3;

// "7" a batch, "7m" a marked one, "7t" a test batch.
TrainBatch batch(const std::string& note) {
  TrainBatch made;
  made.number = std::stoll(note);
  made.marker = note.find('m') != std::string::npos;
  made.test = note.find('t') != std::string::npos;
  return made;
}

std::string note_of(const std::shared_ptr<const TrainBatch>& taken) {
  if (taken == nullptr) return "-";
  return fmt::format("{}{}{}", taken->number, taken->test ? "t" : "", taken->marker ? "m" : "");
}

// Puts these, then takes `count` without waiting: "1 2m -".
std::string after(BatchBuffer& buffer, const std::vector<std::string>& puts, int count) {
  for (const std::string& note : puts) EXPECT_TRUE(buffer.put(batch(note)));
  std::string taken;
  for (int i = 0; i < count; ++i) taken += (i > 0 ? " " : "") + note_of(buffer.take(0));
  return taken;
}

BufferOptions of(BufferPolicy policy, bool drop_oldest = false, std::int64_t capacity = kRoom) {
  return {policy, capacity, drop_oldest};
}

TEST(BatchBuffer, FifoGivesEachOnceInOrder) {
  BatchBuffer buffer(of(BufferPolicy::fifo));
  EXPECT_EQ(after(buffer, {"1", "2m", "3t"}, 4), "1 2m 3t -");
  EXPECT_EQ(after(buffer, {"4"}, 2), "4 -");
}

TEST(BatchBuffer, LatestGivesTheNewestAndDropsTheOthers) {
  BatchBuffer buffer(of(BufferPolicy::latest));
  EXPECT_EQ(after(buffer, {"1", "2", "3"}, 2), "3 -");
  EXPECT_EQ(after(buffer, {"4"}, 2), "4 -");
  EXPECT_EQ(buffer.counts().dropped, 2);
}

TEST(BatchBuffer, ReplayGivesTheNewestFirstThenAllAgainInTurn) {
  BatchBuffer buffer(of(BufferPolicy::replay));
  EXPECT_EQ(after(buffer, {"1", "2", "3"}, 8), "3 2 1 3 2 1 3 2");
  EXPECT_EQ(buffer.counts().taken, 3);
  EXPECT_EQ(buffer.counts().reused, 5);
}

TEST(BatchBuffer, ReplayForgetsTheOldestThatWasLearntToMakeRoom) {
  BatchBuffer buffer(of(BufferPolicy::replay));
  after(buffer, {"1", "2", "3"}, 3);
  EXPECT_EQ(after(buffer, {"4"}, 4), "4 3 2 4");
  EXPECT_EQ(buffer.counts().dropped, 0);
}

TEST(BatchBuffer, DropsTheOldestOnlyWhereThatIsAllowed) {
  BatchBuffer fifo(of(BufferPolicy::fifo, true));
  EXPECT_EQ(after(fifo, {"1", "2", "3", "4", "5"}, 4), "3 4 5 -");
  EXPECT_EQ(fifo.counts().dropped, 2);
  BatchBuffer replay(of(BufferPolicy::replay, true));
  EXPECT_EQ(after(replay, {"1", "2", "3", "4"}, 4), "4 3 2 4");
}

TEST(BatchBuffer, AMarkerOutlivesItsBatch) {
  BatchBuffer dropped(of(BufferPolicy::fifo, true));
  EXPECT_EQ(after(dropped, {"1m", "2", "3", "4", "5"}, 3), "3m 4 5");
  BatchBuffer latest(of(BufferPolicy::latest));
  EXPECT_EQ(after(latest, {"1m", "2", "3"}, 1), "3m");
  BatchBuffer tight(of(BufferPolicy::replay, true, 1));
  EXPECT_EQ(after(tight, {"1m", "2", "3"}, 3), "3m 3 3");
}

TEST(BatchBuffer, ReplayGivesAMarkerOnce) {
  BatchBuffer buffer(of(BufferPolicy::replay));
  EXPECT_EQ(after(buffer, {"1", "2m"}, 5), "2m 1 2 1 2");
}

TEST(BatchBuffer, TestBatchesAreNeverDroppedOrUsedAgain) {
  BatchBuffer fifo(of(BufferPolicy::fifo, true));
  EXPECT_EQ(after(fifo, {"1t", "2", "3t", "4m", "5"}, 4), "1t 3t 5m -");
  BatchBuffer latest(of(BufferPolicy::latest));
  EXPECT_EQ(after(latest, {"1", "2t", "3"}, 3), "2t 3 -");
  BatchBuffer replay(of(BufferPolicy::replay));
  EXPECT_EQ(after(replay, {"1", "2t", "3"}, 5), "2t 3 1 3 1");
}

TEST(BatchBuffer, KnowsWhetherANewerBatchWaits) {
  for (const BufferPolicy policy : {BufferPolicy::fifo, BufferPolicy::latest, BufferPolicy::replay}) {
    BatchBuffer buffer(of(policy));
    EXPECT_FALSE(buffer.has_newer());
    after(buffer, {"1"}, 1);
    EXPECT_FALSE(buffer.has_newer());
    after(buffer, {"2t"}, 0);
    EXPECT_FALSE(buffer.has_newer());
    after(buffer, {"3"}, 0);
    EXPECT_TRUE(buffer.has_newer());
  }
  BatchBuffer replay(of(BufferPolicy::replay));
  after(replay, {"1", "2"}, 1);
  EXPECT_FALSE(replay.has_newer());  // 1 waits, but is older
}

TEST(BatchBuffer, TheEndGivesWhatIsLeftAndNoMore) {
  for (const BufferPolicy policy : {BufferPolicy::fifo, BufferPolicy::replay}) {
    BatchBuffer buffer(of(policy));
    after(buffer, {"1", "2", "3"}, 1);
    buffer.end();
    EXPECT_FALSE(buffer.is_ended());
    EXPECT_NE(buffer.take(kForever), nullptr);
    EXPECT_NE(buffer.take(kForever), nullptr);
    EXPECT_EQ(buffer.take(kForever), nullptr);
    EXPECT_TRUE(buffer.is_ended());
    EXPECT_TRUE(buffer.is_at_end());
    EXPECT_FALSE(buffer.put(batch("4")));
  }
}

TEST(BatchBuffer, ClosingForgetsEverything) {
  BatchBuffer buffer(of(BufferPolicy::replay));
  after(buffer, {"1", "2"}, 1);
  buffer.close();
  EXPECT_EQ(buffer.take(kForever), nullptr);
  EXPECT_FALSE(buffer.put(batch("3")));
  EXPECT_TRUE(buffer.is_ended());
  EXPECT_FALSE(buffer.is_at_end());
}

TEST(BatchBuffer, TakeGivesUpAtItsTimeout) {
  BatchBuffer buffer(of(BufferPolicy::fifo));
  EXPECT_EQ(buffer.take(0.01), nullptr);
  EXPECT_FALSE(buffer.is_ended());
  EXPECT_GE(buffer.counts().take_wait_s, 0.01);
}

// Runs `wait` in a thread and, once it waits, `wake`; returns what `wait` gave.
template <class T>
T woken(const std::function<T()>& wait, const std::function<void()>& wake) {
  std::future<T> result = std::async(std::launch::async, wait);
  EXPECT_EQ(result.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  wake();
  return result.get();
}

TEST(BatchBuffer, PutWaitsForRoomUntilTakeEndOrClose) {
  for (const BufferPolicy policy : {BufferPolicy::fifo, BufferPolicy::latest, BufferPolicy::replay}) {
    BatchBuffer buffer(of(policy));
    after(buffer, {"1", "2", "3"}, 0);
    const std::function<bool()> put = [&] { return buffer.put(batch("4")); };
    EXPECT_TRUE(woken<bool>(put, [&] { buffer.take(kForever); }));
    EXPECT_GT(buffer.counts().put_wait_s, 0);
    after(buffer, policy == BufferPolicy::latest ? std::vector<std::string>{"5", "6"} : std::vector<std::string>{}, 0);
    EXPECT_FALSE(woken<bool>(put, [&] { buffer.close(); }));
  }
}

TEST(BatchBuffer, TestBatchesWaitWhereOnlyTestBatchesAre) {
  BatchBuffer buffer(of(BufferPolicy::fifo, true, 1));
  after(buffer, {"1t"}, 0);
  EXPECT_TRUE(woken<bool>([&] { return buffer.put(batch("2t")); }, [&] { buffer.take(kForever); }));
}

TEST(BatchBuffer, TakeIsWokenByAPutAndByTheEnd) {
  BatchBuffer buffer(of(BufferPolicy::latest));
  const std::function<std::string()> take = [&] { return note_of(buffer.take(kForever)); };
  EXPECT_EQ(woken<std::string>(take, [&] { buffer.put(batch("1m")); }), "1m");
  EXPECT_EQ(woken<std::string>(take, [&] { buffer.end(); }), "-");
}

TEST(BatchBuffer, TwoThreadsLoseNothing) {
  BatchBuffer buffer(of(BufferPolicy::fifo));
  std::thread putter([&] {
    for (int i = 0; i < 2000; ++i) buffer.put(batch(std::to_string(i)));
    buffer.end();
  });
  std::int64_t next = 0;
  while (const std::shared_ptr<const TrainBatch> taken = buffer.take(kForever)) {
    EXPECT_EQ(taken->number, next++);
    buffer.has_newer();
  }
  putter.join();
  EXPECT_EQ(next, 2000);
}

TEST(BatchBuffer, EveryBatchIsTakenOrDroppedWhateverThePace) {
  for (const BufferPolicy policy : {BufferPolicy::fifo, BufferPolicy::latest, BufferPolicy::replay}) {
    BatchBuffer buffer(of(policy, true));
    std::thread putter([&] {
      for (int i = 0; i < 2000; ++i) buffer.put(batch(std::to_string(i) + (i == 1500 ? "m" : "")));
      buffer.end();
    });
    std::int64_t markers = 0;
    while (const std::shared_ptr<const TrainBatch> taken = buffer.take(kForever)) markers += taken->marker ? 1 : 0;
    putter.join();
    EXPECT_EQ(buffer.counts().arrived, 2000);
    EXPECT_EQ(buffer.counts().taken + buffer.counts().dropped, 2000);
    EXPECT_EQ(markers, 1);
  }
}

}  // namespace
}  // namespace cleave
