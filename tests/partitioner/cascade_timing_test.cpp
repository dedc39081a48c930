#include "partitioner/cascade_timing.h"

#include <random>

#include <gtest/gtest.h>

#include "tests/reference/simulated_cascade.h"

namespace cleave {

namespace {

constexpr CascadeRule kAsPublished{.stop_early = true, .capacity = 4, .blocks = true};
constexpr CascadeRule kDropping{.stop_early = true, .capacity = 4, .blocks = false};
constexpr CascadeRule kLockstep{.stop_early = false, .capacity = 4, .blocks = true};

std::vector<ModuleTimes> random_cascade(std::mt19937_64& random) {
  const auto between = [&](double low, double high) { return std::uniform_real_distribution(low, high)(random); };
  std::vector<ModuleTimes> modules(2 + random() % 5);
  for (ModuleTimes& module : modules) {
    module.receive_s = random() % 3 == 0 ? 0 : between(0.01, 3);
    module.forward_s = between(0.01, 1);
    module.step_s = between(0.02, 0.4);
    module.max_steps = 1 + static_cast<std::int64_t>(random() % 14);
  }
  return modules;
}

// Steps and pace of every module within two percent of the simulation with a clock.
void expect_as_simulated(const CascadeRule& rule, std::uint64_t seed, int cases) {
  std::mt19937_64 random(seed);
  for (int i = 0; i < cases; ++i) {
    const std::vector<ModuleTimes> modules = random_cascade(random);
    const CascadePace cascade = cascade_pace(modules, rule);
    const std::vector<ModulePace> slow = simulated_cascade(modules, rule, 1500, 3000);
    for (std::size_t m = 0; m < modules.size(); ++m) {
      EXPECT_NEAR(cascade.modules[m].steps / slow[m].steps, 1, 0.02) << "case " << i << " module " << m;
      EXPECT_NEAR(cascade.modules[m].pace_s / slow[m].pace_s, 1, 0.02) << "case " << i << " module " << m;
    }
  }
}

ModuleTimes times(double forward_s, double step_s, std::int64_t max_steps, double receive_s = 0) {
  return {receive_s, forward_s, step_s, max_steps};
}

}  // namespace

TEST(CascadePace, IsTheSimulationsWithBlockingBuffers) { expect_as_simulated(kAsPublished, 1, 80); }
TEST(CascadePace, IsTheSimulationsWithDroppingBuffers) { expect_as_simulated(kDropping, 2, 40); }
TEST(CascadePace, IsTheSimulationsInLockstep) { expect_as_simulated(kLockstep, 3, 40); }
TEST(CascadePace, IsTheSimulationsWithRoomForOneBatch) {
  expect_as_simulated({.stop_early = true, .capacity = 1, .blocks = true}, 4, 40);
}

TEST(CascadePace, GivesAFastModuleAllItsSteps) {
  const std::vector<ModuleTimes> modules = {times(1, 1, 10), times(1, 0.5, 10)};
  const CascadePace cascade = cascade_pace(modules, kAsPublished);
  EXPECT_DOUBLE_EQ(cascade.modules[0].pace_s, 11);
  EXPECT_DOUBLE_EQ(cascade.modules[1].steps, 10);
  EXPECT_DOUBLE_EQ(cascade.modules[1].busy_s, 6);
  EXPECT_EQ(cascade.slowest, 0);
}

TEST(CascadePace, FillsTheTimeUntilTheNextInput) {
  const std::vector<ModuleTimes> modules = {times(1, 1, 10), times(2, 2, 10)};
  const CascadePace cascade = cascade_pace(modules, kAsPublished);
  EXPECT_NEAR(cascade.modules[1].steps, 4.5, 1e-3);  // (11 - 2) / 2
  EXPECT_NEAR(cascade.modules[1].busy_s, cascade.modules[1].pace_s, 1e-3);
}

// The paper's modules 2 to 4: too slow for their input, so one step a batch.
TEST(CascadePace, LeavesASlowModuleOneStep) {
  const std::vector<ModuleTimes> modules = {times(1, 0.1, 10), times(3, 0.5, 10), times(0.1, 0.1, 10)};
  const CascadePace dropping = cascade_pace(modules, kDropping);
  EXPECT_DOUBLE_EQ(dropping.modules[0].pace_s, 2);
  EXPECT_DOUBLE_EQ(dropping.modules[1].steps, 1);
  EXPECT_DOUBLE_EQ(dropping.modules[1].pace_s, 3.5);
  EXPECT_DOUBLE_EQ(dropping.modules[2].pace_s, 3.5);
  EXPECT_DOUBLE_EQ(dropping.modules[2].steps, 10);
  EXPECT_EQ(dropping.slowest, 1);
}

TEST(CascadePace, HoldsUpEveryoneBeforeAFullBuffer) {
  const std::vector<ModuleTimes> modules = {times(1, 0.1, 10), times(0.1, 0.1, 10), times(3, 0.5, 10)};
  const CascadePace cascade = cascade_pace(modules, kAsPublished);
  for (const ModulePace& module : cascade.modules) EXPECT_NEAR(module.pace_s, 3.5, 1e-9);
  EXPECT_DOUBLE_EQ(cascade.modules[0].steps, 10);
  EXPECT_DOUBLE_EQ(cascade.modules[1].steps, 1);  // newer input always waits
  EXPECT_NEAR(cascade.modules[2].queue, 4, 0.1);
}

TEST(CascadePace, NamesTheLinkThatSetsThePace) {
  const std::vector<ModuleTimes> modules = {times(1, 0.1, 10), times(0.1, 0.1, 10, 5)};
  const CascadePace cascade = cascade_pace(modules, kAsPublished);
  EXPECT_TRUE(cascade.slowest_is_link);
  EXPECT_EQ(cascade.slowest, 1);
  EXPECT_NEAR(cascade.modules[1].pace_s, 5, 1e-9);
}

TEST(CascadePace, OfLockstepIsTheSlowests) {
  const std::vector<ModuleTimes> modules = {times(1, 0.1, 10), times(1, 0.7, 10), times(0.1, 0.1, 10, 5)};
  const CascadePace cascade = cascade_pace(modules, kLockstep);
  for (const ModulePace& module : cascade.modules) {
    EXPECT_NEAR(module.pace_s, 8, 1e-9);
    EXPECT_DOUBLE_EQ(module.steps, 10);
  }
  EXPECT_EQ(cascade.slowest, 1);
}

TEST(BalancedSteps, FillThePaceOfTheSlowest) {
  const std::vector<ModuleTimes> modules = {times(1, 0.1, 0), times(1, 1, 0), times(2, 0.5, 0, 4)};
  EXPECT_EQ(balanced_steps(modules, kLockstep, 10), (std::vector<std::int64_t>{100, 10, 18}));
  const std::vector<ModuleTimes> linked = {times(1, 1, 0), times(1, 1, 0, 20)};
  EXPECT_EQ(balanced_steps(linked, kLockstep, 10), (std::vector<std::int64_t>{19, 19}));
}

// With the steps balanced, every module is busy but for a step or so, and none does fewer than it should.
TEST(BalancedSteps, LeaveNobodyWaiting) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 30; ++i) {
    std::vector<ModuleTimes> modules = random_cascade(random);
    const std::vector<std::int64_t> steps = balanced_steps(modules, kAsPublished, 10);
    for (std::size_t m = 0; m < modules.size(); ++m) modules[m].max_steps = steps[m];
    const CascadePace cascade = cascade_pace(modules, kAsPublished);
    for (std::size_t m = 0; m < modules.size(); ++m) {
      EXPECT_GT(cascade.modules[m].busy_s, cascade.modules[m].pace_s - modules[m].step_s - modules[0].step_s - 1e-9);
      EXPECT_GE(cascade.modules[m].steps, 10 - 1e-9);
    }
  }
}

}  // namespace cleave
