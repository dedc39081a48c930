#include "partitioner/relay.h"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "partitioner/gacoin.h"
#include "tests/support/gacoin_tables.h"

namespace cleave {

namespace {

using namespace gacoin;

DeviceKind kind_of(int count, double battery_j, double standby_w, double idle_w = kIdleW,
                   double compute_w = kComputeW) {
  DeviceKind kind;
  kind.devices.resize(static_cast<std::size_t>(count));
  kind.idle_w = idle_w;
  kind.compute_w = compute_w;
  kind.standby_w = standby_w;
  kind.battery_j = battery_j;
  return kind;
}

struct Group {
  std::vector<DeviceKind> kinds;
  std::vector<double> frame_s;
};

// Kinds of one device each.
Group random_group(unsigned seed, std::size_t devices, bool alike) {
  std::mt19937 random(seed);
  const auto real = [&] { return static_cast<double>(random() >> 5U) / 134217728.0; };
  Group group;
  for (std::size_t i = 0; i < devices; ++i) {
    const double compute_w = 1 + 4 * real();
    group.kinds.push_back(kind_of(1, 1 + 9 * real(), compute_w * real(), 0.5 * compute_w, compute_w));
    group.frame_s.push_back(alike ? 0.1 : 0.05 + real());
  }
  return group;
}

// The most frames of all orders.
double best_of_all(const Group& group) {
  std::vector<int> order;
  for (std::size_t i = 0; i < group.kinds.size(); ++i) order.push_back(static_cast<int>(i));
  double best = 0;
  do {
    best = std::max(best, frames_of_relay(group.kinds, group.frame_s, order));
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

// Frame by frame, battery by battery.
double stepped(const Group& group, const std::vector<int>& order) {
  std::vector<double> left;
  for (const DeviceKind& kind : group.kinds) left.push_back(kind.battery_j);
  double frames = 0;
  for (const int turn : order) {
    const std::size_t d = static_cast<std::size_t>(turn);
    const double joules = group.kinds[d].compute_w * group.frame_s[d];
    for (; left[d] >= joules; ++frames) {
      left[d] -= joules;
      for (std::size_t other = 0; other < left.size(); ++other)
        if (other != d) left[other] -= group.kinds[other].standby_w * group.frame_s[d];
    }
  }
  return frames;
}

}  // namespace

TEST(Relay, EqualDevicesFollowTheClosedFormula) {
  for (const double standby_w : {0.0, 0.4, kIdleW, 4.0})
    for (const int devices : {1, 2, 3, 7, 20}) {
      const std::vector<DeviceKind> kinds{kind_of(devices, 5, standby_w)};
      const Relay relay = best_relay(kinds, std::vector<double>{kBaseS});
      EXPECT_NEAR(relay.frames, frames_relayed(devices, 5, kComputeW, standby_w, kBaseS), 1e-9);
      EXPECT_TRUE(relay.optimal);
    }
}

TEST(Relay, TwoAndThreeOfThePaper) {
  const std::vector<double> frame_s{kBaseS};
  EXPECT_NEAR(best_relay(std::vector{kind_of(2, 1, kIdleW)}, frame_s).frames, 4.5702, 5e-5);
  EXPECT_NEAR(best_relay(std::vector{kind_of(3, 1, kIdleW)}, frame_s).frames, 4.9711, 5e-5);
  EXPECT_NEAR(best_relay(std::vector{kind_of(3, 1, 0)}, frame_s).frames, 10.2072, 5e-5);
}

TEST(Relay, AgreesWithCountingFrameByFrame) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Group group = random_group(seed, 4, false);
    for (double& seconds : group.frame_s) seconds *= 1e-3;
    const std::vector<int> order{2, 0, 3, 1};
    EXPECT_NEAR(frames_of_relay(group.kinds, group.frame_s, order), stepped(group, order), 5) << "seed " << seed;
  }
}

TEST(Relay, FindsTheBestOrder) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    const Group group = random_group(seed, 2 + seed % 4, seed % 2 == 0);
    const Relay relay = best_relay(group.kinds, group.frame_s);
    ASSERT_NEAR(relay.frames, best_of_all(group), 1e-9 * relay.frames) << "seed " << seed;
    ASSERT_NEAR(relay.frames, frames_of_relay(group.kinds, group.frame_s, relay.turn_of), 1e-12 * relay.frames);
  }
}

TEST(Relay, SaysWhenTheOrderIsAGuess) {
  const Group unlike = random_group(1, kMaxOrdered + 1, false), alike = random_group(1, kMaxOrdered + 1, true);
  EXPECT_FALSE(best_relay(unlike.kinds, unlike.frame_s).optimal);
  EXPECT_TRUE(best_relay(alike.kinds, alike.frame_s).optimal);
}

TEST(Relay, MainsHasNoEndAndThoseThatCannotTakeNoTurn) {
  const std::vector<DeviceKind> kinds{kind_of(1, 1, 1), kind_of(1, kInfinity, 1)};
  EXPECT_EQ(best_relay(kinds, std::vector<double>{0.1, 0.1}).frames, kInfinity);
  const Relay relay = best_relay(kinds, std::vector<double>{0.1, kInfinity});
  EXPECT_EQ(relay.turn_of, std::vector<int>{0});
  EXPECT_NEAR(relay.frames, 1 / (kComputeW * 0.1), 1e-12);
}

TEST(Relay, AFixedRateChargesIdleBetweenFrames) {
  const std::vector<DeviceKind> kinds{kind_of(1, 1, 0.2)};
  EXPECT_NEAR(best_relay(kinds, std::vector<double>{0.1}, 0.5).frames, frames_at_rate(1, kComputeW, kIdleW, 0.1, 0.5),
              1e-12);
}

}  // namespace cleave
