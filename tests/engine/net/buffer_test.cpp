#include "engine/net/buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <thread>

namespace cleave {

namespace {

const std::byte* data_of(const std::shared_ptr<Buffer>& buffer) { return buffer->bytes().data(); }

}  // namespace

TEST(Buffer, BeginsOnACacheLine) {
  for (const std::int64_t size : {0, 1, 63, 64, 1000, 1 << 20}) {
    Buffer buffer(size);
    EXPECT_EQ(buffer.size(), size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.bytes().data()) % 64, 0U);
  }
}

TEST(Buffer, ShrinksAndGrowsBack) {
  Buffer buffer(100);
  buffer.resize(10);
  EXPECT_EQ(buffer.bytes().size(), 10U);
  buffer.resize(100);
  EXPECT_EQ(buffer.bytes().size(), 100U);
}

TEST(BufferPool, UsesReturnedBuffersAgain) {
  BufferPool pool;
  std::shared_ptr<Buffer> buffer = pool.take(1000);
  const std::byte* data = data_of(buffer);
  buffer.reset();
  buffer = pool.take(900);
  EXPECT_EQ(data_of(buffer), data);
  EXPECT_EQ(buffer->size(), 900);
}

TEST(BufferPool, GivesNobodyABufferInUse) {
  BufferPool pool;
  const std::shared_ptr<Buffer> one = pool.take(10), two = pool.take(10);
  EXPECT_NE(data_of(one), data_of(two));
}

TEST(BufferPool, TakesTheSmallestThatIsLargeEnough) {
  BufferPool pool;
  std::shared_ptr<Buffer> large = pool.take(1000), small = pool.take(100), tiny = pool.take(10);
  const std::byte* data = data_of(small);
  large.reset(), small.reset(), tiny.reset();
  EXPECT_EQ(data_of(pool.take(50)), data);
}

TEST(BufferPool, FollowsTheSizesAskedFor) {
  BufferPool pool(1);
  pool.take(10).reset();
  std::shared_ptr<Buffer> large = pool.take(1000);
  const std::byte* data = data_of(large);
  large.reset();
  EXPECT_EQ(data_of(pool.take(1000)), data);
}

TEST(BufferPool, KeepsNoMoreThanItMay) {
  BufferPool pool(0);
  std::weak_ptr<Buffer> seen;
  {
    const std::shared_ptr<Buffer> buffer = pool.take(10);
    seen = buffer;
  }
  EXPECT_TRUE(seen.expired());
  EXPECT_EQ(pool.take(20)->size(), 20);
}

TEST(BufferPool, MayGoBeforeItsBuffers) {
  std::optional<BufferPool> pool(std::in_place);
  std::shared_ptr<Buffer> buffer = pool->take(10);
  pool.reset();
  buffer->bytes()[9] = std::byte{1};
  buffer.reset();
}

TEST(BufferPool, ServesSeveralThreads) {
  BufferPool pool(2);
  const auto work = [&pool](int value) {
    for (int i = 0; i < 1000; ++i) {
      const std::shared_ptr<Buffer> buffer = pool.take(1 + i % 200);
      buffer->bytes()[0] = static_cast<std::byte>(value);
      ASSERT_EQ(buffer->bytes()[0], static_cast<std::byte>(value));
    }
  };
  std::thread other(work, 1);
  work(2);
  other.join();
}

}  // namespace cleave
