// What every kind of channel must keep.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "ops/core/catalog.h"
#include "tests/engine/net/ends.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

// With pauses of up to 1.2 ms.
void write_slowly(Channel& channel, std::span<const std::byte> bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += 20) {
    write_bytes(channel, bytes.subspan(at, 20));
    std::this_thread::sleep_for(std::chrono::microseconds(300 * (at / 20 % 5)));
  }
}

class ChannelContract : public testing::TestWithParam<ChannelKind> {
 protected:
  Meeting meeting_{GetParam()};
  Ends ends_ = meeting_.connect();
};
INSTANTIATE_TEST_SUITE_P(Kinds, ChannelContract,
                         testing::Values(ChannelKind::tcp, ChannelKind::ipc, ChannelKind::loopback, ChannelKind::tls),
                         [](const testing::TestParamInfo<ChannelKind>& kind) { return name_of(kind.param); });

TEST_P(ChannelContract, KeepsOrderOverPartsAndWrites) {
  const std::vector<std::byte> all = pattern(300'000);
  std::thread writer([&] {
    std::size_t at = 0;
    for (std::size_t size = 1; at < all.size(); size = size * 7 % 9973 + 1) {
      const std::span<const std::byte> rest = std::span(all).subspan(at);
      const std::size_t first = std::min(size, rest.size()), second = std::min(size / 2, rest.size() - first);
      const std::span<const std::byte> parts[4] = {rest.first(first), {}, rest.subspan(first, second), {}};
      EXPECT_EQ(ends_.near->write(parts, 10).bytes, static_cast<std::int64_t>(first + second));
      at += first + second;
    }
  });
  EXPECT_EQ(read_bytes(*ends_.far, all.size()), all);
  writer.join();
}

TEST_P(ChannelContract, WritesAndReadsOfNothingDoNothing) {
  EXPECT_TRUE(ends_.near->write({}, 1).ok());
  EXPECT_TRUE(write_bytes(*ends_.near, {}).ok());
  EXPECT_TRUE(ends_.far->read({}, 1).ok());
  write_bytes(*ends_.near, pattern(3));
  EXPECT_EQ(read_bytes(*ends_.far, 3), pattern(3));
}

TEST_P(ChannelContract, Carries64MiB) {
  const std::vector<std::byte> all = pattern(std::size_t{64} << 20);
  std::thread writer([&] { EXPECT_EQ(write_bytes(*ends_.near, all, 60).bytes, std::int64_t{64} << 20); });
  EXPECT_EQ(read_bytes(*ends_.far, all.size(), 60), all);
  writer.join();
}

TEST_P(ChannelContract, CarriesBothWaysAtOnce) {
  const std::vector<std::byte> all = pattern(std::size_t{8} << 20);
  std::thread one([&] { EXPECT_TRUE(write_bytes(*ends_.near, all, 60).ok()); });
  std::thread two([&] { EXPECT_TRUE(write_bytes(*ends_.far, all, 60).ok()); });
  std::thread three([&] { EXPECT_EQ(read_bytes(*ends_.near, all.size(), 60), all); });
  EXPECT_EQ(read_bytes(*ends_.far, all.size(), 60), all);
  one.join(), two.join(), three.join();
}

TEST_P(ChannelContract, ReadTimesOut) {
  const Clock::time_point start = Clock::now();
  std::byte byte{};
  EXPECT_EQ(ends_.far->read(std::span(&byte, 1), 0.05).status, IoStatus::timeout);
  EXPECT_GE(std::chrono::duration<double>(Clock::now() - start).count(), 0.04);
  EXPECT_EQ(ends_.far->read(std::span(&byte, 1), 0).status, IoStatus::timeout);
}

TEST_P(ChannelContract, ReadsThatTimeOutLoseNothing) {
  const std::vector<std::byte> all = pattern(4000);
  std::thread writer([&] { write_slowly(*ends_.near, all); });
  std::vector<std::byte> got;
  while (got.size() < all.size()) {
    std::byte some[33];
    const IoResult result = ends_.far->read(some, 0.001);
    if (result.status != IoStatus::timeout && !result.ok()) break;
    got.insert(got.end(), some, some + result.bytes);
  }
  writer.join();
  EXPECT_EQ(got, all);
}

TEST_P(ChannelContract, WriteTimesOutWhenNobodyReads) {
  const std::vector<std::byte> all(std::size_t{64} << 20);
  const IoResult result = write_bytes(*ends_.near, all, 0.1);
  EXPECT_EQ(result.status, IoStatus::timeout);
  EXPECT_LT(result.bytes, static_cast<std::int64_t>(all.size()));
}

TEST_P(ChannelContract, WhatWasWrittenBeforeCloseArrives) {
  for (int i = 0; i < 50; ++i) {
    Ends ends = meeting_.connect();
    std::thread writer([&] {
      write_bytes(*ends.near, pattern(3000));
      ends.near.reset();
    });
    EXPECT_EQ(read_bytes(*ends.far, 3000), pattern(3000));
    std::byte byte{};
    EXPECT_EQ(ends.far->read(std::span(&byte, 1), 10).status, IoStatus::closed);
    writer.join();
  }
}

TEST_P(ChannelContract, PeerGoneIsClosed) {
  ends_.near.reset();
  std::byte byte{};
  EXPECT_EQ(ends_.far->read(std::span(&byte, 1), 10).status, IoStatus::closed);
  const std::vector<std::byte> all(std::size_t{1} << 20);
  IoResult result;
  for (int i = 0; i < 100 && result.ok(); ++i) result = write_bytes(*ends_.far, all, 10);
  EXPECT_EQ(result.status, IoStatus::closed);
}

TEST_P(ChannelContract, ClosesTwiceAndStaysClosed) {
  ends_.near->close();
  ends_.near->close();
  std::byte byte{};
  EXPECT_EQ(ends_.near->read(std::span(&byte, 1), 10).status, IoStatus::closed);
  EXPECT_EQ(write_bytes(*ends_.near, pattern(1)).status, IoStatus::closed);
}

TEST_P(ChannelContract, CloseWakesReaderAndWriter) {
  std::atomic<int> closed = 0;
  std::thread reader([&] {
    std::byte byte{};
    closed += ends_.near->read(std::span(&byte, 1), -1).status == IoStatus::closed;
  });
  std::thread writer([&] {
    const std::vector<std::byte> all(std::size_t{64} << 20);
    closed += write_bytes(*ends_.near, all, -1).status == IoStatus::closed;
  });
  read_bytes(*ends_.far, 1 << 20);  // so they are under way
  ends_.near->close();
  reader.join(), writer.join();
  EXPECT_EQ(closed, 2);
}

TEST_P(ChannelContract, CloseAtAnyMomentEndsARead) {
  for (int i = 0; i < 100; ++i) {
    std::unique_ptr<Channel> near = meeting_.dialled();
    const std::unique_ptr<Channel> far = meeting_.listener().accept(10);
    std::thread reader([&] {
      std::byte byte{};
      EXPECT_EQ(near->read(std::span(&byte, 1), -1).status, IoStatus::closed);
    });
    near->close();
    reader.join();
  }
}

TEST_P(ChannelContract, SaysWhoThePeerIs) {
  EXPECT_EQ(ends_.near->peer_address(), meeting_.listener().address.text());
  EXPECT_TRUE(ends_.far->peer_address().starts_with(meeting_.listener().address.transport + "://"));
  EXPECT_EQ(ends_.near->peer_name(), GetParam() == ChannelKind::tls ? "far" : "");
  EXPECT_EQ(ends_.far->peer_name(), GetParam() == ChannelKind::tls ? "near" : "");
}

TEST_P(ChannelContract, AcceptEndsAtItsTimeoutAndWhenClosed) {
  EXPECT_EQ(meeting_.listener().accept(0.02), nullptr);
  std::thread accepting([&] { EXPECT_EQ(meeting_.listener().accept(-1), nullptr); });
  meeting_.listener().close();
  meeting_.listener().close();
  accepting.join();
  EXPECT_EQ(meeting_.listener().accept(1), nullptr);
}

TEST_P(ChannelContract, NobodyThereIsUnreachable) {
  meeting_.listener().close();
  try {
    meeting_.dialled();
    FAIL() << "dialled";
  } catch (const RunError& error) {
    EXPECT_EQ(error.code(), ExitCode::unreachable);
    EXPECT_NE(std::string(error.what()).find(meeting_.listener().address.text()), std::string::npos);
  }
}

TEST(Transports, AreFoundByTheirNames) {
  for (const TransportDef& row : transport_catalog()) EXPECT_EQ(find(transport_catalog(), row.name), &row);
  EXPECT_EQ(error_of<UserError>([] { dial(parse_address("loopback://x"), {}, "", 1); }),
            "loopback://x: there is no transport 'loopback'; one of: tcp, ipc");
}

}  // namespace
}  // namespace cleave
