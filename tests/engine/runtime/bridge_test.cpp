#include "engine/runtime/bridge.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/bridges.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Sends frames from `next` on until there is no room; returns the first for which there was none.
std::uint64_t fill(Bridge& bridge, std::uint64_t next = 0, std::int64_t bytes = 100) {
  while (bridge.try_send(numbered_frame(next, bytes))) ++next;
  return next;
}

bool has_failed(const Bridge& bridge, const std::string& why) {
  return wait_for([&] { return bridge.status().failed; }) && bridge.status().why.find(why) != std::string::npos;
}

bool is_up(const Bridge& bridge) {
  return wait_for([&] { return bridge.status().state == LinkState::up; });
}

TEST(Bridge, DeliversInOrderExactlyOnce) {
  for (const Address& address : {any_port(), unix_socket()}) {
    BridgePair pair({}, address);
    std::future<bool> sent = std::async(std::launch::async, [&] { return send_frames(*pair.a, 0, 3000); });
    EXPECT_EQ(receive_frames(*pair.b, 0, 3000), 3000u);
    EXPECT_TRUE(sent.get());
    EXPECT_EQ(pair.b->status().counts.duplicates, 0);
  }
}

TEST(Bridge, CarriesLargeFrames) {
  BridgePair pair;
  std::future<bool> sent =
      std::async(std::launch::async, [&] { return send_frames(*pair.a, 0, 20, std::int64_t{4} << 20); });
  EXPECT_EQ(receive_frames(*pair.b, 0, 20), 20u);
  EXPECT_TRUE(sent.get());
}

TEST(Bridge, TellsThatAllIsReceivedAndCommitted) {
  BridgePair pair;
  std::future<bool> sent = std::async(std::launch::async, [&] { return send_frames(*pair.a, 0, 50); });
  EXPECT_EQ(receive_frames(*pair.b, 0, 50), 50u);
  EXPECT_TRUE(sent.get());
  EXPECT_FALSE(pair.b->is_at_end());
  pair.a->end_at(50);
  EXPECT_FALSE(pair.b->receive(30).has_value());
  EXPECT_TRUE(pair.b->is_at_end());
  EXPECT_TRUE(pair.a->wait_drained(30));
  EXPECT_EQ(pair.a->sent_committed(), 50u);
}

TEST(Bridge, IsNotDrainedBeforeAllIsCommitted) {
  BridgePair pair;
  ASSERT_TRUE(pair.a->send(numbered_frame(0)));
  pair.a->end_at(1);
  ASSERT_TRUE(pair.b->receive(30).has_value());
  EXPECT_FALSE(pair.a->wait_drained(0.1));
  pair.b->commit(1);
  EXPECT_TRUE(pair.a->wait_drained(30));
}

TEST(Bridge, SenderWaitsAtTheWindow) {
  constexpr std::int64_t kBytes = 100000;
  BridgePair pair([](BridgeOptions& a, BridgeOptions& b) { a.session.window_frames = b.session.window_frames = 4; });
  ASSERT_TRUE(is_up(*pair.a));
  std::uint64_t next = 0;
  EXPECT_TRUE(wait_for([&] {
    next = fill(*pair.a, next, kBytes);
    return next == 8 && pair.b->status().held_bytes == 4 * kBytes;  // a window there, one here
  }));
  EXPECT_EQ(fill(*pair.a, next, kBytes), 8u);
  EXPECT_EQ(pair.a->status().held_bytes, 8 * kBytes);
}

TEST(Bridge, SendWaitsForRoom) {
  BridgePair pair;
  std::atomic<std::uint64_t> sent = 0;
  std::thread sender([&] {
    while (sent < 40 && pair.a->send(numbered_frame(sent))) ++sent;
  });
  EXPECT_TRUE(wait_for([&] { return pair.a->status().send_wait_s > 0.05; }));
  EXPECT_LE(sent, 16u);  // a window there, one here
  EXPECT_EQ(receive_frames(*pair.b, 0, 40), 40u);
  sender.join();
  EXPECT_EQ(sent, 40u);
}

TEST(Bridge, CountsTheTimeSpentInWaiting) {
  BridgePair pair;
  EXPECT_FALSE(pair.b->receive(0.05).has_value());
  EXPECT_GE(pair.b->status().receive_wait_s, 0.049);
  EXPECT_FALSE(pair.b->has_frame());
}

TEST(Bridge, StopEndsAllWaits) {
  BridgePair pair;
  std::future<bool> send = std::async(std::launch::async, [&] { return send_frames(*pair.a, 0, 9999); });
  std::future<bool> drain = std::async(std::launch::async, [&] { return pair.a->wait_drained(1000); });
  std::future<bool> receive = std::async(std::launch::async, [&] { return pair.a->receive(-1).has_value(); });
  EXPECT_TRUE(wait_for([&] { return pair.a->status().receive_wait_s > 0; }));
  const Clock::time_point start = Clock::now();
  pair.a->stop();
  EXPECT_FALSE(send.get() || drain.get() || receive.get());
  EXPECT_LT(seconds_since(start), 5);
}

TEST(Bridge, SaysItsLastWordsWhenStopped) {
  for (int i = 0; i < 20; ++i) {
    BridgePair pair;
    ASSERT_TRUE(pair.a->send(numbered_frame(0)));
    pair.a->end_at(1);
    EXPECT_EQ(receive_frames(*pair.b, 0, 1), 1u);
    EXPECT_TRUE(wait_for([&] { return pair.b->is_at_end(); }));
    pair.b->stop();
    EXPECT_TRUE(pair.a->wait_drained(30));
  }
}

TEST(Bridge, DialsUntilSomebodyListens) {
  const Address address = unix_socket();
  BridgeOptions options = test_bridge("a");
  options.dial = address;
  Bridge a(options);
  a.start();
  EXPECT_TRUE(wait_for([&] { return !a.status().why.empty(); }));
  BridgePair pair([](BridgeOptions& other, BridgeOptions&) { other.dial = unix_socket(); }, address);
  EXPECT_TRUE(is_up(a));
}

TEST(Bridge, ReplaysToASuccessorWhatIsNotCommitted) {
  BridgePair pair;
  std::future<bool> sent = std::async(std::launch::async, [&] { return send_frames(*pair.a, 0, 60); });
  EXPECT_EQ(receive_frames(*pair.b, 0, 20), 20u);
  for (std::uint64_t seq = 20; seq < 25; ++seq) EXPECT_TRUE(pair.b->receive(30).has_value());  // lost with it
  ASSERT_TRUE(wait_for([&] { return pair.a->sent_committed() == 20; }));
  pair.replace_b();
  EXPECT_EQ(receive_frames(*pair.b, 20, 60), 60u);
  EXPECT_TRUE(sent.get());
}

TEST(Bridge, ReplaysNothingThatASuccessorHas) {
  BridgePair pair;
  std::future<bool> sent = std::async(std::launch::async, [&] { return send_frames(*pair.a, 0, 60); });
  EXPECT_EQ(receive_frames(*pair.b, 0, 20), 20u);
  pair.replace_b([](Bridge& b) { b.expect_from(20); });
  EXPECT_EQ(receive_frames(*pair.b, 20, 60), 60u);
  EXPECT_TRUE(sent.get());
}

TEST(Bridge, ASuccessorOfTheSenderSendsAgain) {
  BridgePair pair;
  ASSERT_TRUE(send_frames(*pair.a, 0, 5));
  EXPECT_EQ(receive_frames(*pair.b, 0, 3), 3u);
  pair.a->stop();
  ++pair.a_options.session.boot_id;
  ++pair.a_options.session.incarnation;
  pair.a = std::make_unique<Bridge>(pair.a_options);
  pair.a->start_at(3);
  pair.a->start();
  EXPECT_TRUE(send_frames(*pair.a, 3, 10));
  EXPECT_EQ(receive_frames(*pair.b, 3, 10), 10u);
}

TEST(Bridge, RefusesAZombie) {
  BridgePair pair([](BridgeOptions& a, BridgeOptions&) { a.session.incarnation = 7; });
  ASSERT_TRUE(is_up(*pair.a));
  BridgeOptions options = pair.a_options;
  options.session.incarnation = 6;
  Bridge zombie(options);
  zombie.start();
  EXPECT_TRUE(has_failed(zombie, "end this process"));
  EXPECT_FALSE(zombie.send(numbered_frame(0)));
  EXPECT_TRUE(send_frames(*pair.a, 0, 10));  // goes on untouched
  EXPECT_EQ(receive_frames(*pair.b, 0, 10), 10u);
  EXPECT_EQ(pair.a->status().connects, 1);
}

TEST(Bridge, SaysWhyItIsRefusedForGood) {
  BridgePair pair([](BridgeOptions& a, BridgeOptions&) { a.session.plan_hash[0] = 0xab; });
  std::future<bool> receive = std::async(std::launch::async, [&] { return pair.a->receive(-1).has_value(); });
  EXPECT_TRUE(has_failed(*pair.a, "plan differs"));
  EXPECT_FALSE(receive.get());
  EXPECT_FALSE(pair.a->try_send(numbered_frame(0)));
  EXPECT_FALSE(pair.b->status().failed);  // another may come
}

TEST(Bridge, TellsWhenSomethingChanges) {
  std::atomic<int> calls = 0;
  BridgePair pair;
  pair.replace_b([&](Bridge& b) { b.on_change([&] { ++calls; }); });
  EXPECT_TRUE(wait_for([&] { return calls > 0; }));  // up
  ASSERT_TRUE(is_up(*pair.b));
  const int before = calls;
  ASSERT_TRUE(pair.a->send(numbered_frame(0)));
  EXPECT_TRUE(wait_for([&] { return calls > before && pair.b->has_frame(); }));
  const int with_frame = calls;
  pair.a->stop();
  EXPECT_TRUE(wait_for([&] { return calls > with_frame && pair.b->status().state == LinkState::down; }));
  pair.b->stop();
}

TEST(Bridge, LogsEachStateOnce) {
  std::mutex mutex;
  std::vector<std::string> lines;
  const auto log = [&](const std::string& line) {
    const std::lock_guard<std::mutex> lock(mutex);
    lines.push_back(line);
  };
  BridgePair pair([&](BridgeOptions& a, BridgeOptions&) { a.log = log; });
  ASSERT_TRUE(is_up(*pair.a));
  pair.acceptor.stop();
  pair.b->stop();
  ASSERT_TRUE(wait_for([&] { return pair.a->status().why.find("cannot connect") != std::string::npos; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // more attempts
  pair.a->stop();
  EXPECT_EQ(lines.size(), 3u);  // up, closed, cannot connect
}

TEST(Bridge, DropsTheOldestIfToldTo) {
  BridgePair pair([](BridgeOptions& a, BridgeOptions& b) { a.session.drop_oldest = b.session.drop_oldest = true; });
  ASSERT_TRUE(is_up(*pair.a));
  for (std::uint64_t seq = 0; seq < 200; ++seq) ASSERT_TRUE(pair.a->try_send(numbered_frame(seq)));
  pair.a->end_at(200);
  std::vector<std::uint64_t> seqs;
  while (const std::optional<WireFrame> frame = pair.b->receive(30)) seqs.push_back(frame->seq);
  EXPECT_TRUE(std::is_sorted(seqs.begin(), seqs.end()));
  EXPECT_EQ(static_cast<std::int64_t>(seqs.size()) + pair.a->status().counts.dropped, 200);
  EXPECT_EQ(seqs.back(), 199u);  // the newest is never dropped
  EXPECT_TRUE(pair.b->is_at_end());
}

// Both directions of one edge, as control edges use it.
void as_control(BridgeOptions& a, BridgeOptions& b) {
  a.session.reset_on_new_peer = b.session.reset_on_new_peer = true;
  b.is_sender = true;
}

TEST(ControlBridge, CarriesBothDirections) {
  BridgePair pair(as_control);
  std::future<bool> forth = std::async(std::launch::async, [&] { return send_frames(*pair.a, 0, 500); });
  std::future<bool> back = std::async(std::launch::async, [&] { return send_frames(*pair.b, 0, 500); });
  std::future<std::uint64_t> got = std::async(std::launch::async, [&] { return receive_frames(*pair.a, 0, 500); });
  EXPECT_EQ(receive_frames(*pair.b, 0, 500), 500u);
  EXPECT_EQ(got.get(), 500u);
  EXPECT_TRUE(forth.get() && back.get());
}

TEST(ControlBridge, BeginsAnewWithANewPeer) {
  BridgePair pair(as_control);
  ASSERT_TRUE(send_frames(*pair.a, 0, 5));
  EXPECT_EQ(receive_frames(*pair.b, 0, 3), 3u);
  pair.replace_b();
  ASSERT_TRUE(wait_for([&] { return pair.a->status().peer_changes == 1; }));
  EXPECT_FALSE(pair.b->receive(0.05).has_value());  // nothing of the past
  EXPECT_TRUE(send_frames(*pair.a, 0, 4));
  EXPECT_EQ(receive_frames(*pair.b, 0, 4), 4u);
  EXPECT_TRUE(send_frames(*pair.b, 0, 4));
  EXPECT_EQ(receive_frames(*pair.a, 0, 4), 4u);
}

TEST(PacedBridge, IsAsSlowAsTheEmulatedLink) {
  constexpr double kBps = 8e6, kLatency_s = 0.05;
  BridgePair pair([](BridgeOptions& a, BridgeOptions&) { a.pace = {.bandwidth_bps = kBps, .latency_s = kLatency_s}; });
  ASSERT_TRUE(is_up(*pair.a));
  const Clock::time_point start = Clock::now();
  std::future<bool> sent = std::async(std::launch::async, [&] {
    for (std::uint64_t seq = 0; seq < 10; ++seq)
      if (!pair.a->send(numbered_frame(seq, 20000))) return false;
    return true;
  });
  EXPECT_EQ(receive_frames(*pair.b, 0, 10), 10u);
  const double least_s = 10 * 20000 * 8 / kBps + kLatency_s;
  EXPECT_GE(seconds_since(start), least_s);
  EXPECT_LT(seconds_since(start), least_s + 5);
  EXPECT_TRUE(sent.get());
  EXPECT_NEAR(pair.a->status().busy_s, 10 * 20048 * 8 / kBps, 1e-6);
}

}  // namespace
}  // namespace cleave
