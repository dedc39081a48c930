// The solver against a second exact method, on chains that are too long to try every plan of.
#include <gtest/gtest.h>

#include "ops/core/catalog.h"
#include "tests/reference/chain_dp.h"
#include "tests/support/random_problems.h"

namespace cleave {

TEST(ChainPlan, HasTheShortestPeriodThatDynamicProgrammingFinds) {
  RandomShape shape;
  shape.max_layers = 30;
  shape.max_devices = 7;
  shape.pins = shape.shares = false;
  const ObjectiveDef* throughput = find(objective_catalog(), "throughput");
  int possible = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Problem problem = random_problem(seed, shape);
    const Solution best = throughput->solve(problem, {}), slow = reference::shortest_period(problem);
    ASSERT_EQ(best.stages.empty(), slow.stages.empty()) << "seed " << seed;
    if (slow.stages.empty()) continue;
    ASSERT_NEAR(best.score.period_s, slow.score.period_s, 1e-9 * slow.score.period_s) << "seed " << seed;
    ++possible;
  }
  EXPECT_GT(possible, 100);
}

}  // namespace cleave
