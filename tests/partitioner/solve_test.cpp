// The solvers of the bottleneck objectives against the enumeration of all plans, on random problems.
#include "partitioner/solve.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "ops/core/catalog.h"
#include "tests/reference/exhaustive.h"
#include "tests/support/random_problems.h"

namespace cleave {

namespace {

const std::vector<std::string> kBottlenecks = {"throughput", "balance", "lifetime"};

const ObjectiveDef& objective(const std::string& name) {
  const auto rows = objective_catalog();
  return *std::find_if(rows.begin(), rows.end(), [&](const ObjectiveDef& row) { return row.name == name; });
}

double difference(double a, double b) { return a == b ? 0 : std::abs(a - b) / std::max(std::abs(a), std::abs(b)); }

// Every stage and transfer is one the problem allows, and the figures are those of the plan.
void expect_valid(const Problem& problem, const Goal& goal, const ObjectiveDef& row, const Solution& solution) {
  const Score score = evaluate(problem, solution.stages, goal.period_s);
  EXPECT_LT(score.period_s, kInfinity);
  EXPECT_EQ(row.value(score), solution.value);
  EXPECT_LE(score.latency_s, goal.latency_limit_s * (1 + 1e-12));
  EXPECT_GE(static_cast<int>(solution.stages.size()), goal.min_stages);
  EXPECT_LE(static_cast<int>(solution.stages.size()), goal.max_stages);
}

void expect_best(const Problem& problem, const Goal& goal, const ObjectiveDef& row, const ExhaustiveBest& best) {
  const Solution solution = row.solve(problem, goal);
  EXPECT_TRUE(solution.optimal);
  ASSERT_EQ(solution.stages.empty(), best.stages.empty());
  if (best.stages.empty()) return;
  expect_valid(problem, goal, row, solution);
  EXPECT_LE(difference(solution.value, best.value), 1e-12) << solution.value << " instead of " << best.value;
  EXPECT_LE(difference(solution.bound, best.value), 1e-12);
  EXPECT_FALSE(is_better(row, solution.value, solution.bound));
  if (std::string(row.name) != "throughput") return;
  EXPECT_EQ(solution.stages.size(), best.stages.size());
  EXPECT_LE(difference(solution.score.latency_s, best.score.latency_s), 1e-12);
}

// Returns how many of the problems have a plan. `limited`: with a latency limit that leaves some plans out.
int expect_best_of_all(const std::vector<std::string>& objectives, const RandomShape& shape, int cases,
                       std::uint64_t first_seed, bool limited = false) {
  int possible = 0;
  for (std::uint64_t seed = first_seed; seed < first_seed + static_cast<std::uint64_t>(cases); ++seed) {
    const Problem problem = random_problem(seed, shape);
    Goal goal = random_goal(seed, problem);
    std::vector<ExhaustiveBest> best = exhaustive(problem, goal);
    if (limited && !best.front().stages.empty()) {
      const double least = best[static_cast<std::size_t>(&objective("latency") - objective_catalog().data())].value;
      goal.latency_limit_s = (least + best.front().score.latency_s) / 2 * (1 + 1e-9);
      best = exhaustive(problem, goal);
    }
    possible += best.front().stages.empty() ? 0 : 1;
    for (const std::string& name : objectives) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", " + name);
      const ObjectiveDef& row = objective(name);
      expect_best(problem, goal, row, best[static_cast<std::size_t>(&row - objective_catalog().data())]);
      if (testing::Test::HasFailure()) return possible;
    }
  }
  return possible;
}

// With a time limit of nothing: what is found is a plan, and the bound holds.
void expect_bounds_at_once(const Problem& problem, Goal goal) {
  const std::vector<ExhaustiveBest> best = exhaustive(problem, goal);
  goal.time_limit_s = 0;
  for (const std::string& name : kBottlenecks) {
    const ObjectiveDef& row = objective(name);
    const ExhaustiveBest& known = best[static_cast<std::size_t>(&row - objective_catalog().data())];
    const Solution solution = row.solve(problem, goal);
    if (!solution.stages.empty()) expect_valid(problem, goal, row, solution);
    EXPECT_TRUE(known.stages.empty() || !is_better(row, known.value, solution.bound)) << name;
    EXPECT_FALSE(is_better(row, solution.value, solution.bound)) << name;
  }
}

}  // namespace

TEST(Solve, FindsTheBestOfAllPlansOfAChain) { EXPECT_GT(expect_best_of_all(kBottlenecks, {}, 2500, 1), 1500); }

TEST(Solve, FindsTheBestOfAllPlansOfAGraphWithSkips) {
  EXPECT_GT(expect_best_of_all(kBottlenecks, {.dag = true}, 1500, 20000), 900);
}

TEST(Solve, FindsTheBestOfAllPlansOfEqualDevices) {
  EXPECT_GT(expect_best_of_all(kBottlenecks, {.equal_devices = true}, 500, 30000), 300);
}

TEST(Solve, KeepsToALatencyLimit) {
  EXPECT_GT(expect_best_of_all(kBottlenecks, {.max_layers = 9}, 500, 40000, true), 300);
}

TEST(Solve, FindsTheBestLifetimeAndBalanceWhereComputeAndTransfersShareADevice) {
  EXPECT_GT(expect_best_of_all({"balance", "lifetime"}, {.max_layers = 9, .coupled = true}, 500, 50000), 300);
}

TEST(Solve, BoundsWhatItHasNoTimeFor) {
  for (std::uint64_t seed = 60000; seed < 60300 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Problem problem = random_problem(seed, {.max_layers = 9, .dag = seed % 2 == 0});
    expect_bounds_at_once(problem, random_goal(seed, problem));
  }
}

TEST(Solve, NeverUsesMoreDevicesThanItHas) {
  const Problem problem = random_problem(7, {});
  Goal goal;
  goal.min_stages = 6;
  for (const std::string& name : kBottlenecks) {
    const Solution solution = objective(name).solve(problem, goal);
    EXPECT_TRUE(solution.stages.empty());
    EXPECT_TRUE(solution.optimal);
  }
}

TEST(Solve, LifetimeOfEqualDevicesAlwaysComputingIsThroughput) {
  Problem problem = random_problem(3, {.max_devices = 5, .unreachable = false, .batteries = false});
  for (DeviceKind& kind : problem.kinds) {
    kind.battery_j = 100;
    kind.idle_w = kind.standby_w = kind.compute_w = 2;
  }
  const Solution lifetime = objective("lifetime").solve(problem, {});
  const Solution throughput = objective("throughput").solve(problem, {});
  EXPECT_TRUE(lifetime.optimal);
  EXPECT_NEAR(lifetime.value, 50 * throughput.value, 1e-9 * lifetime.value);
}

}  // namespace cleave
