#include "partitioner/search.h"

#include <algorithm>
#include <array>
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
    {"Chains", {.max_layers = 8}, 150},
    {"CoupledChains", {.max_layers = 8, .coupled = true}, 150},
    {"LongChains", {.max_layers = 12, .max_devices = 3, .coupled = true}, 60},
    {"Graphs", {.max_layers = 9, .max_devices = 4, .dag = true}, 60},
    {"CoupledGraphs", {.max_layers = 9, .max_devices = 4, .dag = true, .coupled = true}, 60},
    {"EqualDevices", {.max_layers = 8, .coupled = true, .equal_devices = true}, 40},
};

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

}  // namespace

}  // namespace cleave
