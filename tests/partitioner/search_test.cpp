#include "partitioner/search.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "ops/core/rng.h"
#include "tests/reference/exhaustive.h"
#include "tests/support/random_problems.h"

namespace cleave {

namespace {

constexpr std::array kAll = {Minimise::period, Minimise::latency, Minimise::joules};

double value_of(Minimise what, const Score& score) {
  if (what == Minimise::period) return score.period_s;
  return what == Minimise::latency ? score.latency_s : score.joules;
}

struct Tried {
  std::size_t stages = 0;
  Score score;
};

std::vector<Tried> all_plans(const Problem& problem) {
  std::vector<Tried> plans;
  for_each_plan(problem, {}, [&](const Stages& stages, const Score& score) {
    plans.push_back({stages.size(), score});
  });
  return plans;
}

struct Query {
  Goal goal;
  double period_limit_s = kInfinity;

  bool allows(const Tried& plan) const {
    return static_cast<int>(plan.stages) >= goal.min_stages && static_cast<int>(plan.stages) <= goal.max_stages &&
           plan.score.latency_s <= goal.latency_limit_s && plan.score.period_s <= period_limit_s;
  }
};

// Limits that some plan just keeps to, so that they cut off others.
Query random_query(std::uint64_t seed, const Problem& problem, const std::vector<Tried>& plans) {
  Rng rng(seed, kTestStream, 2);
  Query query{random_goal(seed, problem)};
  query.goal.time_limit_s = 60;
  if (plans.empty()) return query;
  const auto any = [&] {
    return plans[static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(plans.size())))].score;
  };
  if (rng.below(3) == 0) query.goal.latency_limit_s = any().latency_s;
  if (rng.below(3) == 0) query.period_limit_s = any().period_s;
  return query;
}

// The best allowed plan: by value, then by stages, then by latency.
const Tried* best_of(const std::vector<Tried>& plans, const Query& query, Minimise what) {
  double least = kInfinity;
  const auto value = [&](const Tried& plan) {
    return std::max(value_of(what, plan.score), what == Minimise::period ? query.goal.period_s : 0);
  };
  for (const Tried& plan : plans)
    if (query.allows(plan)) least = std::min(least, value(plan));
  const Tried* best = nullptr;
  for (const Tried& plan : plans) {
    if (!query.allows(plan) || value(plan) > least * (1 + 1e-12)) continue;
    if (best == nullptr ||
        std::tuple(plan.stages, plan.score.latency_s) < std::tuple(best->stages, best->score.latency_s))
      best = &plan;
  }
  return best;
}

void expect_same(const Solution& found, const Tried* best, const Query& query, Minimise what) {
  EXPECT_TRUE(found.optimal);
  ASSERT_EQ(found.stages.empty(), best == nullptr);
  if (best == nullptr) return;
  const double value = std::max(value_of(what, best->score), what == Minimise::period ? query.goal.period_s : 0);
  EXPECT_NEAR(found.value, value, 1e-9 * value);
  EXPECT_LE(found.bound, found.value);
  EXPECT_EQ(found.stages.size(), best->stages);
  EXPECT_NEAR(found.score.latency_s, best->score.latency_s, 1e-9 * best->score.latency_s);
}

void expect_best(const Problem& problem, std::uint64_t seed) {
  const std::vector<Tried> plans = all_plans(problem);
  for (std::uint64_t i = 0; i < 2; ++i) {
    const Query query = random_query(2 * seed + i, problem, plans);
    for (const Minimise what : kAll) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " query " << i << " of " << static_cast<int>(what));
      expect_same(search(problem, what, query.goal, query.period_limit_s), best_of(plans, query, what), query, what);
    }
  }
}

struct Sort {
  const char* name;
  RandomShape shape;
  int problems;
};

const Sort kSorts[] = {
    {"Chains", {.max_layers = 8}, 500},
    {"CoupledChains", {.max_layers = 8, .coupled = true}, 500},
    {"LongChains", {.max_layers = 12, .max_devices = 3, .coupled = true}, 100},
    {"Graphs", {.max_layers = 9, .max_devices = 4, .dag = true}, 200},
    {"CoupledGraphs", {.max_layers = 9, .max_devices = 4, .dag = true, .coupled = true}, 200},
    {"EqualDevices", {.max_layers = 8, .coupled = true, .equal_devices = true}, 100},
};

void PrintTo(const Sort& sort, std::ostream* out) { *out << sort.name; }  // else its bytes

class SearchOf : public testing::TestWithParam<Sort> {};

TEST_P(SearchOf, FindsWhatTryingAllPlansFinds) {
  const Sort& sort = GetParam();
  for (int i = 0; i < sort.problems; ++i) {
    const auto seed = static_cast<std::uint64_t>(i);
    expect_best(random_problem(seed, sort.shape), seed);
  }
}

std::string name_of(const testing::TestParamInfo<Sort>& sort) { return sort.param.name; }

INSTANTIATE_TEST_SUITE_P(Sorts, SearchOf, testing::ValuesIn(kSorts), name_of);

// Whatever is found is a plan within the limits, and the bound is below the best there is.
void expect_honest(const Problem& problem, const Solution& found, const Tried* best, const Query& query,
                   Minimise what) {
  const double value = best == nullptr ? kInfinity : value_of(what, best->score);
  EXPECT_LE(found.bound, std::max(value, query.goal.period_s) * (1 + 1e-12));
  EXPECT_LE(found.bound, found.value);
  EXPECT_TRUE(!found.stages.empty() || !found.optimal || best == nullptr);
  EXPECT_TRUE(found.stages.empty() || query.allows({found.stages.size(), evaluate(problem, found.stages)}));
}

TEST(Search, OutOfTimeIsHonest) {
  int found = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Problem problem = random_problem(seed, {.max_layers = 8, .coupled = seed % 2 == 0});
    const std::vector<Tried> plans = all_plans(problem);
    Query query = random_query(seed, problem, plans);
    query.goal.time_limit_s = 0;
    for (const Minimise what : kAll) {
      const Solution solution = search(problem, what, query.goal, query.period_limit_s);
      expect_honest(problem, solution, best_of(plans, query, what), query, what);
      found += solution.stages.empty() ? 0 : 1;
    }
  }
  EXPECT_GT(found, 300);
}

// A chain of equal layers on devices that differ in all figures.
Problem long_chain(int layers, int devices) {
  Rng rng(5, kTestStream, 0);
  Problem problem;
  problem.positions = layers + 1;
  for (int p = 0; p <= layers; ++p) problem.held_bytes.push_back(p);
  problem.in_bytes = problem.out_bytes = std::vector<double>(problem.held_bytes.size());
  for (int p = 0; p <= layers; ++p) problem.sent_bytes.push_back(1 + 99 * rng.uniform());
  for (int d = 0; d < devices; ++d) {
    problem.kinds.push_back({.devices = {d}, .idle_w = 1, .compute_w = 2 + 2 * rng.uniform()});
    problem.kinds.back().memory_bytes = (1.5 + rng.uniform()) * layers / devices;
    std::vector<double>& done = problem.done_s.emplace_back(1);
    for (int p = 0; p < layers; ++p) done.push_back(done.back() + rng.uniform());
  }
  problem.measured_s.resize(problem.kinds.size());
  problem.links.assign(problem.kinds.size(), std::vector<LinkCost>(problem.kinds.size(), {0.5, 0.1, true}));
  problem.entry_s.assign(problem.kinds.size(), 0);
  problem.model = cost_model_catalog().data();
  return problem;
}

TEST(Search, OfALongChainOnTwoDevicesIsTheBestCut) {
  const Problem problem = long_chain(1500, 2);
  for (const Minimise what : kAll) {
    double least = kInfinity;
    for (int cut = 1; cut < 1500; ++cut)
      for (int first = 0; first < 2; ++first)
        least = std::min(least, value_of(what, evaluate(problem, {{first, 0, cut}, {1 - first, cut, 1500}})));
    const Solution found = search(problem, what, {.time_limit_s = 60});
    EXPECT_TRUE(found.optimal);
    EXPECT_NEAR(found.value, least, 1e-9 * least);
  }
}

TEST(Search, WithoutTimeALongChainStillHasAPlan) {
  const Problem problem = long_chain(3000, 12);
  for (const Minimise what : kAll) {
    const Solution found = search(problem, what, {.time_limit_s = 0});
    ASSERT_FALSE(found.stages.empty());
    EXPECT_EQ(found.value, value_of(what, evaluate(problem, found.stages)));
    EXPECT_LE(found.bound, found.value);
  }
}

TEST(Search, StopsWhenToldTo) {
  const std::atomic<bool> stop = true;
  const Solution found = search(long_chain(400, 16), Minimise::period, {.time_limit_s = 1e9, .stop = &stop});
  EXPECT_FALSE(found.optimal);
  EXPECT_LE(found.bound, found.value);
}

TEST(Search, ProvesThatNothingFits) {
  Problem problem = long_chain(50, 3);
  for (DeviceKind& kind : problem.kinds) kind.memory_bytes = 16;
  for (const Minimise what : kAll) {
    const Solution found = search(problem, what, {});
    EXPECT_TRUE(found.optimal);
    EXPECT_TRUE(found.stages.empty());
    EXPECT_EQ(found.bound, kInfinity);
  }
}

TEST(Search, ManyDifferentDevicesAreSolved) {
  const Problem problem = long_chain(200, 16);
  const Solution latency = search(problem, Minimise::latency, {.time_limit_s = 60});
  const Solution joules = search(problem, Minimise::joules, {.time_limit_s = 60});
  EXPECT_TRUE(latency.optimal && joules.optimal);
  EXPECT_LE(latency.value, joules.score.latency_s);
  EXPECT_LE(joules.value, latency.score.joules);
}

}  // namespace

}  // namespace cleave
