// Golden numbers: gacoin.md, point 6, for the tables of the paper (tests/support/gacoin_tables.h). Each is reached here
// by two ways that share no code: GLPK over plans by kinds, and corners of the program of all single devices.
#include "partitioner/lifetime.h"

#include <algorithm>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "partitioner/gacoin.h"
#include "tests/reference/enumerate_bases.h"
#include "tests/support/gacoin_tables.h"

namespace cleave {

namespace {

using namespace gacoin;

using Rows = std::vector<std::vector<double>>;

constexpr double kDigits = 5e-5;  // four decimals

DeviceKind kind_of(int first, int count, double battery_j, double standby_w) {
  DeviceKind kind;
  for (int i = 0; i < count; ++i) kind.devices.push_back(first + i);
  kind.idle_w = kIdleW;
  kind.compute_w = kComputeW;
  kind.standby_w = standby_w;
  kind.battery_j = battery_j;
  return kind;
}

// Equal batteries next to each other become one kind.
std::vector<DeviceKind> kinds_of(const std::vector<double>& batteries, double standby_w) {
  std::vector<DeviceKind> kinds;
  for (std::size_t i = 0; i < batteries.size(); ++i) {
    if (i > 0 && batteries[i] == batteries[i - 1]) kinds.back().devices.push_back(static_cast<int>(i));
    else kinds.push_back(kind_of(static_cast<int>(i), 1, batteries[i], standby_w));
  }
  return kinds;
}

RoleCut cut_of(const std::vector<double>& role_s, std::size_t kinds) {
  RoleCut cut;
  for (const double seconds : role_s) cut.compute_s.emplace_back(kinds, seconds);
  return cut;
}

// The seconds by role of the paper's six cuts, vertical and with two branches.
Rows cuts_by_role() {
  Rows cuts;
  for (const Row& row : kRows) {
    cuts.push_back({row.head_s, row.tail_s});
    cuts.push_back({row.branch_s, row.branch_s, row.tail_s});
  }
  return cuts;
}

Lifetime lifetime_of_tables(const std::vector<double>& batteries, double standby_w, const Rows& cuts) {
  const std::vector<DeviceKind> kinds = kinds_of(batteries, standby_w);
  std::vector<RoleCut> all;
  all.reserve(cuts.size());
  for (const std::vector<double>& cut : cuts) all.push_back(cut_of(cut, kinds.size()));
  return lifetime_of(kinds, std::vector<double>(kinds.size(), kBaseS), all);
}

// Joules of every plan that gives the roles to single devices, [plan][device].
Rows joules_by_device(const Rows& cuts, std::size_t devices, double standby_w) {
  Rows joules;
  for (const std::vector<double>& roles : cuts) {
    if (roles.size() > devices) continue;
    const double period_s = *std::max_element(roles.begin(), roles.end());
    std::vector<std::size_t> device(devices);
    std::iota(device.begin(), device.end(), 0);
    do {
      std::vector<double>& row = joules.emplace_back(devices, standby_w * period_s);
      for (std::size_t role = 0; role < roles.size(); ++role)
        row[device[role]] = kComputeW * roles[role] + kIdleW * (period_s - roles[role]);
    } while (std::next_permutation(device.begin(), device.end()));
  }
  std::sort(joules.begin(), joules.end());
  joules.erase(std::unique(joules.begin(), joules.end()), joules.end());
  return joules;
}

double static_frames(const Rows& joules, const std::vector<double>& batteries) {
  double best = 0;
  for (const std::vector<double>& plan : joules) {
    double frames = kInfinity;
    for (std::size_t d = 0; d < batteries.size(); ++d)
      if (plan[d] > 0) frames = std::min(frames, batteries[d] / plan[d]);
    best = std::max(best, frames);
  }
  return best;
}

Rows with_whole(Rows cuts) {
  cuts.push_back({kBaseS});
  return cuts;
}

// A line of the table of gacoin.md: static -> rotated, by both ways.
void expect_line(const std::vector<double>& batteries, double standby_w, double fixed, double rotated) {
  const Lifetime life = lifetime_of_tables(batteries, standby_w, cuts_by_role());
  const Rows joules = joules_by_device(with_whole(cuts_by_role()), batteries.size(), standby_w);
  EXPECT_NEAR(std::max(life.alone_frames, life.shared_frames), fixed, kDigits);
  EXPECT_NEAR(static_frames(joules, batteries), fixed, kDigits);
  EXPECT_NEAR(life.rotation.frames, rotated, kDigits);
  EXPECT_NEAR(reference::most_frames(joules, batteries), rotated, kDigits);
  EXPECT_NEAR(life.rotation.bound, life.rotation.frames, 1e-12 * rotated);
}

// The rotation of one cut's roles over equal batteries, by both ways.
void expect_rotation(const std::vector<double>& roles, double rotated) {
  const std::vector<double> batteries(roles.size(), 1.0);
  const std::vector<DeviceKind> kinds = kinds_of(batteries, kIdleW);
  const std::vector<RoleCut> cuts{cut_of(roles, kinds.size())};
  EXPECT_NEAR(best_rotation(assign_roles(kinds, cuts), kinds).frames, rotated, kDigits);
  const Rows joules = joules_by_device({roles}, roles.size(), kIdleW);
  EXPECT_NEAR(reference::most_frames(joules, batteries), rotated, kDigits);
}

struct RandomProgram {
  Rows joules;
  std::vector<double> battery_j;
};

RandomProgram random_program(unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return random() % n; };
  const auto real = [&] { return static_cast<double>(random() >> 5U) / 134217728.0; };
  RandomProgram program;
  for (std::size_t b = 1 + below(4); b > 0; --b) program.battery_j.push_back(0.1 + 10 * real());
  for (std::size_t p = 1 + below(8); p > 0; --p) {
    std::vector<double>& row = program.joules.emplace_back();
    for (std::size_t b = 0; b < program.battery_j.size(); ++b) row.push_back(below(4) == 0 ? 0 : 0.01 + real());
    row[below(row.size())] += 0.01;
  }
  return program;
}

double overuse(const RotationPlan& rotation, const Rows& joules, const std::vector<double>& battery_j) {
  double most = 0;
  for (std::size_t b = 0; b < battery_j.size(); ++b) {
    double used = 0;
    for (std::size_t p = 0; p < joules.size(); ++p) used += rotation.frames_of_plan[p] * joules[p][b];
    most = std::max(most, used / battery_j[b]);
  }
  return most;
}

}  // namespace

TEST(Rotation, EqualBatteriesWithAllAwakeGiveThePapersCuts) {
  expect_rotation({kRows[0].head_s, kRows[0].tail_s}, 6.1527);
  expect_rotation({kRows[1].head_s, kRows[1].tail_s}, 5.2913);
  expect_rotation({kRows[1].branch_s, kRows[1].branch_s, kRows[1].tail_s}, 8.4291);
  expect_rotation({kRows[2].head_s, kRows[2].tail_s}, 4.4656);
}

TEST(Rotation, TheTableWhileWaitingBurnsIdlePower) {
  expect_line({1, 1}, kIdleW, 6.1004, 6.1527);
  expect_line({1, 2}, kIdleW, 6.2059, 6.2059);
  expect_line({1, 4}, kIdleW, 6.2059, 6.2059);
  expect_line({1, 1, 1}, kIdleW, 8.1449, 8.4291);
  expect_line({1, 2, 4}, kIdleW, 9.2886, 9.2886);
}

TEST(Rotation, TheTableWhileWaitingIsOff) {
  expect_line({1, 1}, 0, 6.1004, 6.8048);
  expect_line({1, 2}, 0, 6.8048, 10.2072);
  expect_line({1, 4}, 0, 13.6096, 17.0120);
  expect_line({1, 1, 1}, 0, 8.1449, 10.2072);
  expect_line({1, 2, 4}, 0, 13.6096, 23.8168);
}

TEST(Rotation, EqualsTheBestCornerOnRandomPrograms) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    const RandomProgram program = random_program(seed);
    const RotationPlan rotation = best_rotation(program.joules, program.battery_j);
    const double corner = reference::most_frames(program.joules, program.battery_j);
    ASSERT_NEAR(rotation.frames, corner, 1e-9 * corner) << "seed " << seed;
    ASSERT_NEAR(rotation.bound, corner, 1e-9 * corner) << "seed " << seed;
    ASSERT_LE(overuse(rotation, program.joules, program.battery_j), 1 + 1e-12) << "seed " << seed;
  }
}

TEST(Rotation, WattHoursAndMillijoulesAreOneProgramToIt) {
  for (const double scale : {1e-6, 1.0, 36'000.0, 1e9}) {
    const RotationPlan rotation = best_rotation({{3e-3, 1e-3}, {1e-3, 3e-3}}, {scale, scale});
    EXPECT_NEAR(rotation.frames, scale * 500, scale * 500e-12);
    EXPECT_NEAR(rotation.share_of_plan[0], 0.5, 1e-12);
    EXPECT_NEAR(rotation.frames_per_j[1], 250, 250e-12);
  }
}

TEST(Rotation, ADualSaysWhichBatteryBinds) {
  const RotationPlan rotation = best_rotation({{2, 1}}, {10, 10});
  EXPECT_NEAR(rotation.frames, 5, 1e-12);
  EXPECT_NEAR(rotation.frames_per_j[0], 0.5, 1e-12);
  EXPECT_EQ(rotation.frames_per_j[1], 0);
}

TEST(Rotation, MainsDevicesDoNotBind) {
  const RotationPlan rotation = best_rotation({{2, 5}, {1, 7}}, {10, kInfinity});
  EXPECT_NEAR(rotation.frames, 10, 1e-12);
  EXPECT_NEAR(rotation.share_of_plan[1], 1, 1e-12);
  EXPECT_EQ(rotation.frames_per_j[1], 0);
}

TEST(Rotation, APlanOnMainsAloneHasNoEnd) {
  const RotationPlan rotation = best_rotation({{1, 1}, {0, 1}}, {10, kInfinity});
  EXPECT_EQ(rotation.frames, kInfinity);
  EXPECT_EQ(rotation.bound, kInfinity);
  EXPECT_EQ(rotation.share_of_plan, (std::vector<double>{0, 1}));
}

TEST(Rotation, NothingRunsWithoutPlansOrWithEmptyBatteries) {
  EXPECT_EQ(best_rotation({}, {1, 2}).frames, 0);
  EXPECT_EQ(best_rotation({{1, 0}}, {0, 5}).frames, 0);
  EXPECT_EQ(best_rotation({{1, 0}}, {0, 5}).share_of_plan, std::vector<double>{0});
  EXPECT_NEAR(best_rotation({{1, 1}, {0, 1}, {0, kInfinity}}, {0, 5}).frames, 5, 1e-12);
}

TEST(Rotation, ThousandsOfPlansKeepToTheirBoundAndBatteries) {
  std::mt19937 random(7);
  const std::vector<double> battery_j(64, 36'000);
  Rows joules(5000, std::vector<double>(64));
  for (std::vector<double>& row : joules)
    for (double& value : row) value = 0.01 + static_cast<double>(random() % 1000) * 1e-4;
  const RotationPlan rotation = best_rotation(joules, battery_j);
  EXPECT_LE(overuse(rotation, joules, battery_j), 1 + 1e-12);
  EXPECT_NEAR(rotation.bound, rotation.frames, 1e-9 * rotation.frames);
}

TEST(Rotation, IsNeverShorterThanAnyOnePlan) {
  for (const double standby_w : {0.0, 0.3, kIdleW})
    for (const std::vector<double>& batteries : Rows{{1, 1}, {1, 3}, {2, 2, 5}, {1, 2, 3, 4}}) {
      const Lifetime life = lifetime_of_tables(batteries, standby_w, cuts_by_role());
      for (const RolePlan& plan : life.plans.plans) EXPECT_LE(plan.frames, life.rotation.frames * (1 + 1e-12));
    }
}

TEST(Lifetime, BreakEvenStandbyIsTheClosedFormulas) {
  const Lifetime two = lifetime_of_tables({1, 1}, kIdleW, {{kRows[0].head_s, kRows[0].tail_s}});
  EXPECT_NEAR(two.break_even_standby_w.value(), 0.6273, kDigits);
  const Lifetime three = lifetime_of_tables({1, 1, 1}, kIdleW, cuts_by_role());
  EXPECT_NEAR(three.break_even_standby_w.value(), 0.6601, kDigits);
}

TEST(Lifetime, StandbyDecidesBetweenRotationAndTakingTurns) {
  const Lifetime awake = lifetime_of_tables({1, 1}, kIdleW, cuts_by_role());
  EXPECT_EQ(awake.regime, Regime::rotation);
  EXPECT_NEAR(awake.frames, 6.1527, kDigits);
  EXPECT_NEAR(awake.relay.frames, 4.5702, kDigits);
  const Lifetime off = lifetime_of_tables({1, 1}, 0, cuts_by_role());
  EXPECT_EQ(off.regime, Regime::relay);  // as good as rotating single devices, and simpler
  EXPECT_NEAR(off.frames, 6.8048, kDigits);
  EXPECT_NEAR(off.rotation.frames, 6.8048, kDigits);
}

TEST(Lifetime, OneDeviceIsAloneAndHasNoBreakEven) {
  const Lifetime life = lifetime_of_tables({1}, kIdleW, cuts_by_role());
  EXPECT_EQ(life.regime, Regime::alone);
  EXPECT_NEAR(life.frames, 3.4024, kDigits);
  EXPECT_FALSE(life.break_even_standby_w.has_value());
  EXPECT_EQ(life.shared, -1);
}

TEST(Lifetime, AFixedRateIsTheClosedFormula) {
  const std::vector<DeviceKind> kinds = kinds_of({1, 1}, 0.5);
  const std::vector<double> whole_s{kBaseS};
  const Lifetime life = lifetime_of(kinds, whole_s, std::vector<RoleCut>{cut_of({0.06, 0.05}, 1)}, 0.25);
  const RolePlan& shared = life.plans.plans[static_cast<std::size_t>(life.shared)];
  EXPECT_EQ(shared.period_s, 0.25);
  EXPECT_NEAR(life.shared_frames, frames_at_rate(1, kComputeW, kIdleW, 0.06, 0.25), 1e-12);
  EXPECT_NEAR(life.alone_frames, frames_at_rate(1, kComputeW, kIdleW, kBaseS, 0.25), 1e-12);
  EXPECT_TRUE(life.rate_kept);
  EXPECT_FALSE(lifetime_of(kinds, whole_s, {}, 0.01).rate_kept);
}

TEST(Lifetime, SaysWhatWinsAndWhereItTurns) {
  EXPECT_EQ(to_text(lifetime_of_tables({1, 1}, kIdleW, cuts_by_role())),
            "frames: 3.4024 alone, 6.1004 shared, 6.1527 in rotation, 4.5702 taking turns\n"
            "plans that rotate last longest; sharing beats taking turns while a waiting device draws more than "
            "0.6273 W\n");
}

}  // namespace cleave
