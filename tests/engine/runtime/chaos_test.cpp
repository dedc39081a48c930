// Bridges over a bad network.
#include <chrono>
#include <future>

#include <gtest/gtest.h>

#include "engine/runtime/bridge.h"
#include "tests/support/bridges.h"
#include "tests/support/chaos_proxy.h"

namespace cleave {
namespace {

// Both ends, and a bad network between them.
struct BadPair {
  BridgePair pair;  // whose a dials nobody
  ChaosProxy proxy;
  Bridge a;

  explicit BadPair(const Chaos& chaos, const BridgePair::Change& change = {})
      : pair([&](BridgeOptions& of_a, BridgeOptions& of_b) {
          of_a.dial = unix_socket();
          if (change) change(of_a, of_b);
        }),
        proxy(any_port(), pair.acceptor.address(), chaos),
        a(dialling(pair.a_options, proxy.address())) {
    pair.a->stop();
    a.start();
  }
  // Whether frames 0 … count - 1 of up to most_bytes arrive, once each and in order.
  bool delivers(std::uint64_t count, std::int64_t most_bytes) {
    std::future<bool> sent = std::async(std::launch::async, [&] { return send_frames(a, 0, count, most_bytes); });
    const std::uint64_t received = receive_frames(*pair.b, 0, count);
    if (received < count) a.stop();  // ends `send`
    return sent.get() && received == count &&
           pair.b->status().counts.frames_received == static_cast<std::int64_t>(count);
  }

  static BridgeOptions dialling(BridgeOptions options, const Address& address) {
    options.dial = address;
    return options;
  }
};

bool is_up(const Bridge& bridge) {
  return wait_for([&] { return bridge.status().state == LinkState::up; });
}

TEST(ChaosBridge, LosesNothingWhenItsConnectionIsCutFiftyTimes) {
  BadPair bad({.cut_after_bytes = 6001});
  EXPECT_TRUE(bad.delivers(550, 1000));
  EXPECT_GE(bad.proxy.connections(), 50);
  EXPECT_GE(bad.a.status().connects, 45);  // now and then the cut comes before the greeting is over
}

TEST(ChaosBridge, LosesNothingWhenCutInAnyPlaceOfLargeFrames) {
  BadPair bad({.seed = 2, .cut_after_bytes = 700001});
  EXPECT_TRUE(bad.delivers(40, 500000));
  EXPECT_GE(bad.proxy.connections(), 5);
}

TEST(ChaosBridge, TakesBytesAsTheyCome) {
  BadPair bad({.seed = 3, .delay_s = 0.001, .jitter_s = 0.003, .piece_bytes = 20});
  EXPECT_TRUE(bad.delivers(60, 500));
  EXPECT_EQ(bad.a.status().connects, 1);
}

TEST(ChaosBridge, SendsAgainWhatWasDamaged) {
  BadPair bad({.seed = 4, .flip_per_byte = 3e-4});
  ASSERT_TRUE(wait_for([&] { return bad.proxy.connections() == 1; }));
  bad.proxy.set({});  // the next one is good
  EXPECT_TRUE(bad.delivers(200, 1000));
  EXPECT_GE(bad.proxy.connections(), 2);
  EXPECT_GE(bad.pair.b->status().counts.corrupt + bad.pair.acceptor.refused(), 1);
}

TEST(ChaosBridge, GivesUpAfterThreeDamagedMessages) {
  BadPair bad({.seed = 5, .flip_per_byte = 1e-4});
  std::future<bool> sent = std::async(std::launch::async, [&] { return send_frames(bad.a, 0, 2000, 100000); });
  std::future<std::uint64_t> received =
      std::async(std::launch::async, [&] { return receive_frames(*bad.pair.b, 0, 2000); });
  EXPECT_TRUE(wait_for([&] { return bad.pair.b->status().failed; }));
  EXPECT_NE(bad.pair.b->status().why.find("damaged messages"), std::string::npos);
  EXPECT_TRUE(wait_for([&] { return bad.a.status().failed; }));  // it is told
  EXPECT_NE(bad.a.status().why.find("check the cable"), std::string::npos);
  EXPECT_FALSE(sent.get());
  EXPECT_LT(received.get(), 2000u);
}

TEST(ChaosBridge, APeerThatDoesNotReadStopsNoSender) {
  BadPair bad({}, [](BridgeOptions& a, BridgeOptions& b) {
    a.session.window_frames = b.session.window_frames = a.session.keep_frames = 2000;
    a.session.dead_s = b.session.dead_s = 60;
  });
  ASSERT_TRUE(is_up(bad.a));
  bad.proxy.pause(true);
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  std::uint64_t next = 0;  // 30 MB: much more than the sockets between hold
  while (bad.a.try_send(numbered_frame(next, 15000))) ++next;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_GE(next, 2000u);
  bad.proxy.pause(false);
  EXPECT_EQ(receive_frames(*bad.pair.b, 0, next), next);
  EXPECT_EQ(bad.a.status().connects, 1);
}

TEST(ChaosBridge, LeavesAConnectionThatIsHalfDead) {
  BadPair bad({}, [](BridgeOptions& a, BridgeOptions& b) { a.session.dead_s = b.session.dead_s = 1; });
  ASSERT_TRUE(is_up(bad.a));
  bad.proxy.swallow(true, false);
  ASSERT_TRUE(send_frames(bad.a, 0, 5));  // into the void
  EXPECT_TRUE(wait_for([&] { return bad.pair.b->status().why.find("silent") != std::string::npos; }));
  bad.proxy.swallow(false, false);
  EXPECT_EQ(receive_frames(*bad.pair.b, 0, 5), 5u);
}

TEST(ChaosBridge, ALargeFrameOnASlowLineIsASignOfLife) {
  BadPair bad({.rate_bps = 2e6}, [](BridgeOptions& a, BridgeOptions& b) { a.session.dead_s = b.session.dead_s = 1.2; });
  ASSERT_TRUE(is_up(bad.a));
  ASSERT_TRUE(bad.a.send(numbered_frame(0, 550000)));  // 2.2 s
  EXPECT_EQ(receive_frames(*bad.pair.b, 0, 1), 1u);
  EXPECT_EQ(bad.a.status().connects, 1);
}

TEST(ChaosBridge, DrainsWhateverHappens) {
  BadPair bad({.seed = 6, .delay_s = 0.001, .piece_bytes = 300, .cut_after_bytes = 9001});
  EXPECT_TRUE(bad.delivers(100, 1000));
  bad.a.end_at(100);
  EXPECT_TRUE(bad.a.wait_drained(30));
  EXPECT_TRUE(bad.pair.b->is_at_end());
}

}  // namespace
}  // namespace cleave
