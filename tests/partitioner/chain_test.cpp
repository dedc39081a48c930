// Reachability against the enumeration of all plans, and what it does with more kinds of devices than it can try.
#include "partitioner/chain.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "ops/core/rng.h"
#include "tests/reference/exhaustive.h"
#include "tests/support/random_problems.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// Limits of the size of the problem's own times: some allow plans, some do not.
StageLimits random_limits(std::uint64_t seed, const Problem& problem) {
  Rng rng(seed, kTestStream, 2);
  StageLimits limits;
  for (const std::vector<double>& done : problem.done_s)
    limits.compute_s.push_back(done.back() * (0.2 + rng.uniform()));
  if (rng.below(2) == 0) limits.transfer_s = 6 * rng.uniform();
  if (rng.below(3) == 0)
    for (const double most : limits.compute_s) limits.least_compute_s.push_back(most * 0.4 * rng.uniform());
  if (rng.below(3) == 0)
    for (const DeviceKind& kind : problem.kinds) limits.least_used.push_back(static_cast<int>(rng.below(kind.count())));
  return limits;
}

bool is_within(const Problem& problem, const StageLimits& limits, const Stages& stages) {
  std::vector<int> used(problem.kinds.size());
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const std::size_t kind = at(stages[i].kind);
    ++used[kind];
    const double seconds = compute_s(problem, stages[i]);
    if (!(limits.least_of(kind) <= seconds && seconds <= limits.compute_s[kind])) return false;
    const bool reached =
        i == 0 ? is_entry_within(problem, stages[i].kind, limits.transfer_s)
               : is_link_within(problem, stages[i - 1].kind, stages[i].kind, stages[i].from, limits.transfer_s);
    if (!reached) return false;
  }
  for (std::size_t k = 0; k < limits.least_used.size(); ++k)
    if (used[k] < limits.least_used[k]) return false;
  return true;
}

// The fewest stages of any plan within the limits; 0 = there is none.
std::size_t fewest_stages(const Problem& problem, const StageLimits& limits, const Goal& goal) {
  std::size_t fewest = 0;
  for_each_plan(problem, goal, [&](const Stages& stages, const Score&) {
    if ((fewest == 0 || stages.size() < fewest) && is_within(problem, limits, stages)) fewest = stages.size();
  });
  return fewest;
}

// Returns how many of the problems have a plan within their limits.
int expect_fewest_of_all(const RandomShape& shape, std::uint64_t first_seed, int cases) {
  int possible = 0;
  for (std::uint64_t seed = first_seed; seed < first_seed + static_cast<std::uint64_t>(cases); ++seed) {
    const Problem problem = random_problem(seed, shape);
    const Goal goal = random_goal(seed, problem);
    const StageLimits limits = random_limits(seed, problem);
    bool timed_out = true;
    const Stages stages = reach(problem, limits, goal, &timed_out);
    EXPECT_FALSE(timed_out);
    EXPECT_EQ(stages.size(), fewest_stages(problem, limits, goal)) << "seed " << seed;
    EXPECT_TRUE(stages.empty() || is_within(problem, limits, stages)) << "seed " << seed;
    EXPECT_TRUE(stages.empty() || evaluate(problem, stages).period_s < kInfinity) << "seed " << seed;
    possible += stages.empty() ? 0 : 1;
    if (testing::Test::HasFailure()) break;
  }
  return possible;
}

// The method for many kinds, on few: a plan that is found is within the limits, and none is missed without saying so.
// Returns how many plans are found.
int expect_honest_when_wide(const RandomShape& shape, std::size_t width, std::uint64_t first_seed, int cases) {
  int found_count = 0;
  for (std::uint64_t seed = first_seed; seed < first_seed + static_cast<std::uint64_t>(cases); ++seed) {
    const Problem problem = random_problem(seed, shape);
    const Goal goal = random_goal(seed, problem);
    const StageLimits limits = random_limits(seed, problem);
    Reach question(problem, goal, 0);
    question.set_width(width);
    const Found found = question.find(limits, Deadline(goal));
    const std::size_t fewest = fewest_stages(problem, limits, goal);
    EXPECT_TRUE(found.unknown || found.stages.empty() == (fewest == 0)) << "seed " << seed;
    EXPECT_TRUE(found.stages.empty() || is_within(problem, limits, found.stages)) << "seed " << seed;
    EXPECT_TRUE(found.stages.empty() || evaluate(problem, found.stages).period_s < kInfinity) << "seed " << seed;
    found_count += found.stages.empty() ? 0 : 1;
    if (testing::Test::HasFailure()) break;
  }
  return found_count;
}

// A chain of equal layers on devices of one speed, which a little memory more or less makes kinds of their own.
Problem nearly_equal_devices(int layers, int devices) {
  Problem problem;
  problem.positions = layers + 1;
  for (int p = 0; p <= layers; ++p) problem.held_bytes.push_back(p);
  problem.in_bytes = problem.out_bytes = std::vector<double>(at(layers + 1), 0.0);
  problem.sent_bytes = std::vector<double>(at(layers + 1), 1.0);
  for (int d = 0; d < devices; ++d) {
    DeviceKind kind;
    kind.devices = {d};
    kind.memory_bytes = layers + d;
    problem.kinds.push_back(kind);
    problem.done_s.push_back(problem.held_bytes);
  }
  problem.measured_s.resize(at(devices));
  problem.entry_s.resize(at(devices));
  problem.links.assign(at(devices), std::vector<LinkCost>(at(devices)));
  problem.model = &cost_model_catalog()[0];
  return problem;
}

}  // namespace

TEST(ChainReach, FindsTheFewestStagesWithinTheLimitsOnAChain) {
  EXPECT_GT(expect_fewest_of_all({.max_layers = 10}, 1, 1500), 400);
}

TEST(ChainReach, FindsTheFewestStagesWithinTheLimitsOnAGraphWithSkips) {
  EXPECT_GT(expect_fewest_of_all({.dag = true}, 5000, 1000), 250);
}

TEST(ChainReach, SaysThatNothingFitsWhenNoOrderOfDevicesCanDoTheWork) {
  const Problem problem = nearly_equal_devices(100, 5);
  Reach question(problem, Goal{});
  EXPECT_TRUE(question.is_hopeless(uniform_limits(problem, 19.9)));
  EXPECT_FALSE(question.is_hopeless(uniform_limits(problem, 20)));
}

TEST(ChainReach, FindsPlansForMoreKindsThanItCanTryAll) {
  const Problem problem = nearly_equal_devices(240, 24);
  Reach question(problem, Goal{});
  EXPECT_FALSE(question.is_exact());
  const Found found = question.find(uniform_limits(problem, 10), Deadline(Goal{}));
  EXPECT_EQ(found.stages.size(), 24U);
  EXPECT_EQ(evaluate(problem, found.stages).period_s, 10);
  EXPECT_TRUE(question.find(uniform_limits(problem, 9.9), Deadline(Goal{})).stages.empty());
}

TEST(ChainReach, ProvesThePeriodOfMoreKindsThanItCanTryAllWhereTheBoundIsMet) {
  const Problem problem = nearly_equal_devices(241, 24);
  const Solution solution = objective_catalog().front().solve(problem, {});
  EXPECT_EQ(solution.score.period_s, 11);
  EXPECT_TRUE(solution.optimal);
  EXPECT_EQ(solution.bound, solution.value);
}

TEST(ChainReach, BoundsThePeriodOfMoreKindsThanItCanTryAll) {
  Problem problem = nearly_equal_devices(200, 24);
  for (std::vector<double>& done : problem.done_s)
    for (double& seconds : done) seconds = std::pow(seconds, 1.2);
  Goal goal;
  goal.time_limit_s = 0.2;
  const Solution solution = objective_catalog().front().solve(problem, goal);
  EXPECT_EQ(solution.value, 1 / evaluate(problem, solution.stages).period_s);
  EXPECT_GE(solution.bound, solution.value);
  EXPECT_LT(gap_of(solution), 0.1);
  EXPECT_LE(solution.bound, 24 / problem.done_s.front().back() * 1.001);
}

TEST(ChainReach, IsHonestWhenItLeavesOutCombinations) {
  EXPECT_GT(expect_honest_when_wide({.max_layers = 10}, 3, 10000, 500), 100);
  EXPECT_GT(expect_honest_when_wide({.max_layers = 10}, 1000, 20000, 500), 100);
  EXPECT_GT(expect_honest_when_wide({.dag = true}, 3, 30000, 500), 100);
}

TEST(ChainReach, StopsWhenTold) {
  const Problem problem = nearly_equal_devices(300, 64);
  const std::atomic<bool> stop = true;
  Goal goal;
  goal.stop = &stop;
  bool timed_out = false;
  EXPECT_TRUE(reach(problem, uniform_limits(problem, 5), goal, &timed_out).empty());
  EXPECT_TRUE(timed_out);
}

}  // namespace cleave
