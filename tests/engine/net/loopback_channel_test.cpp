#include "engine/net/loopback_channel.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/engine/net/ends.h"

namespace cleave {
namespace {

// Sizes of the reads of one message, with chunks made by this seed.
std::vector<std::int64_t> chunks(std::uint64_t seed) {
  Meeting meeting(ChannelKind::loopback);
  meeting.net().set_faults({.most_read_bytes = 7, .seed = seed});
  const Ends ends = meeting.connect();
  write_bytes(*ends.near, pattern(100));
  std::vector<std::int64_t> sizes;
  std::vector<std::byte> got;
  while (got.size() < 100) {
    std::byte some[100];
    sizes.push_back(ends.far->read(some, 10).bytes);
    got.insert(got.end(), some, some + sizes.back());
  }
  EXPECT_EQ(got, pattern(100));
  return sizes;
}

TEST(Loopback, ChunksAreTheSameForTheSameSeed) {
  EXPECT_EQ(chunks(1), chunks(1));
  EXPECT_NE(chunks(1), chunks(2));
  for (const std::int64_t size : chunks(3)) EXPECT_TRUE(size >= 1 && size <= 7) << size;
}

TEST(Loopback, DropsAtTheByte) {
  Meeting meeting(ChannelKind::loopback);
  meeting.net().set_faults({.drop_at_byte = 10});
  const Ends ends = meeting.connect();
  EXPECT_TRUE(write_bytes(*ends.far, pattern(50)).ok());  // the other way knows no such end
  EXPECT_EQ(write_bytes(*ends.near, pattern(11)).status, IoStatus::closed);
  EXPECT_EQ(read_bytes(*ends.far, 10), pattern(10));
  std::byte byte{};
  EXPECT_EQ(ends.far->read(std::span(&byte, 1), 10).status, IoStatus::closed);
}

TEST(Loopback, DelaysWhatIsOnItsWay) {
  Meeting meeting(ChannelKind::loopback);
  meeting.net().set_faults({.delay_s = 0.05});
  const Ends ends = meeting.connect();
  const auto start = std::chrono::steady_clock::now();
  write_bytes(*ends.near, pattern(3));
  EXPECT_EQ(read_bytes(*ends.far, 3), pattern(3));
  EXPECT_GE(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 0.05);
}

TEST(Loopback, CutEndsAllConnections) {
  Meeting meeting(ChannelKind::loopback);
  const Ends one = meeting.connect(), two = meeting.connect();
  meeting.net().cut();
  std::byte byte{};
  for (const Channel* end : {one.near.get(), one.far.get(), two.near.get(), two.far.get()})
    EXPECT_EQ(const_cast<Channel*>(end)->read(std::span(&byte, 1), 10).status, IoStatus::closed);
  EXPECT_TRUE(write_bytes(*meeting.connect().near, pattern(1)).ok());
  EXPECT_EQ(meeting.net().dialled(), 3);
}

TEST(Loopback, ANameIsTakenOnce) {
  Meeting meeting(ChannelKind::loopback);
  EXPECT_EQ(error_of<RunError>([&] { meeting.net().listen(parse_address("loopback://here")); }),
            "cannot listen on loopback://here: the name is taken");
  EXPECT_EQ(error_of<RunError>([&] { meeting.net().dial(parse_address("loopback://there")); }),
            "cannot connect to loopback://there: nobody listens there");
}

}  // namespace
}  // namespace cleave
