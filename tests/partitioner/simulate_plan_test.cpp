// Plans as the planner makes them, run: what it predicts is what comes out.
#include <cmath>

#include <gtest/gtest.h>

#include "ops/core/catalog.h"
#include "ops/core/rng.h"
#include "partitioner/simulate.h"
#include "tests/support/models.h"

namespace cleave {

namespace {

constexpr const char* kLayers =
    "[{conv2d: {filters: 4, kernel: 3, padding: same}}, relu, {max_pool: {size: 2}}, flatten, {dense: {units: 8}}, "
    "relu, "
    "{dense: {units: 3}}]";

// Four devices that differ in everything, and the plans for them.
struct Planned {
  Model model = layers_of(kLayers);
  Swarm swarm;
  CostTable costs;
  PlanRequest request;

  Planned(std::uint64_t seed, const CostModelDef& cost_model, bool half_duplex, bool some = false) {
    Rng rng(seed, kTestStream, 4);
    const auto drawn = [&](double low, double high) {
      return Figure{low * std::pow(high / low, rng.uniform()), false};
    };
    for (const char* name : {"a", "b", "c", "d"}) {
      Device device;
      device.name = name;
      device.memory_bytes = 1 << 20;
      device.real_flops = drawn(1e7, 1e8);
      device.binary_ops = drawn(1e8, 1e9);
      device.bytes_per_s = drawn(1e8, 1e9);
      device.idle_w = drawn(0.5, 2);
      device.compute_w = drawn(2, 5);
      swarm.devices.push_back(device);
    }
    swarm.links.assign(4, std::vector<Link>(4));
    for (std::size_t a = 0; a < 4; ++a)
      for (std::size_t b = 0; b < a; ++b)
        swarm.links[a][b] = swarm.links[b][a] = {drawn(1e6, 1e8), drawn(1e-5, 1e-2), half_duplex};
    swarm.source = static_cast<int>(rng.below(5)) - 1;
    for (std::size_t a = 0; some && a < 4; ++a)
      for (std::size_t b = 0; b < a; ++b)
        swarm.links[a][b].half_duplex = swarm.links[b][a].half_duplex = rng.below(2) == 0;
    costs = cost_table(model.graph, swarm, {}, 1);
    request.model = &cost_model;
    request.objective = find(objective_catalog(), "throughput");
  }
};

// Calls `check` for every row of the table that can run.
template <class Check>
void for_rows(Planned& planned, const Check& check) {
  const PlanTable table = partition(planned.model.graph, planned.swarm, planned.costs, planned.request);
  ASSERT_GT(table.feasible, 1);
  for (const Plan& row : table.rows) {
    if (!row.is_feasible()) continue;
    SCOPED_TRACE(row.cut);
    const SimPlan plan = sim_plan(row, planned.swarm, *planned.request.model, 4);
    ASSERT_STREQ(check_simulation(plan, {}), "");
    check(row, plan);
  }
}

void expect_the_scores(const Plan& row, const SimPlan& plan) {
  const SimReport report = simulate(plan, {.frames = 400});
  EXPECT_NEAR(report.period_s, row.score.period_s, 0.01 * row.score.period_s);
  EXPECT_NEAR(report.work_joules_per_frame, row.score.joules, 1e-9 * row.score.joules);
  const double alone_s = simulate(plan, {.frames = 1}).latency_p50_s;
  EXPECT_LE(alone_s, row.score.latency_s * (1 + 1e-9));
  if (!row.split) {
    EXPECT_GE(alone_s, row.score.latency_s * (1 - 1e-9));
  }
}

}  // namespace

TEST(SimulatedPlans, KeepWhatThePlanPromises) {
  for (const CostModelDef& model : cost_model_catalog())
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      SCOPED_TRACE(testing::Message() << model.name << " seed " << seed);
      Planned planned(seed, model, false);
      planned.request.splits = {{"filters", 2, NodeId{2}}, {"tiles", 3, NodeId{3}}};
      for_rows(planned, expect_the_scores);
    }
}

TEST(SimulatedPlans, KeepWhatThePlanPromisesOnHalfDuplexLinks) {
  for (const CostModelDef& model : cost_model_catalog())
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      SCOPED_TRACE(testing::Message() << model.name << " seed " << seed);
      Planned planned(seed, model, true);
      for_rows(planned, expect_the_scores);
    }
}

TEST(SimulatedPlans, KeepWhatThePlanPromisesWhereSomeLinksAreHalfDuplex) {
  for (const CostModelDef& model : cost_model_catalog())
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      SCOPED_TRACE(testing::Message() << model.name << " seed " << seed);
      Planned planned(seed, model, false, true);
      planned.request.splits = {{"filters", 2, NodeId{2}}, {"tiles", 3, NodeId{3}}};
      for_rows(planned, expect_the_scores);
    }
}

namespace {

// Seconds of the bytes a source sends to the shares, and of its own part if it is a share.
double way_out_s(const Plan& row, int source) {
  double seconds = 0;
  for (const PlanCut& cut : row.cuts) {
    const PlanStage* from = cut.from < 0 ? nullptr : &row.stages[static_cast<std::size_t>(cut.from)];
    if (from == nullptr || (from->share >= 0 && from->device == source)) seconds += cut.seconds.value - cut.latency_s;
  }
  return seconds;
}

}  // namespace

TEST(SimulatedPlans, TheSourceSendsTheCopiesOfTheInputOneAfterTheOther) {
  int split = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Planned planned(seed, cost_model_catalog().front(), false);
    planned.swarm.source = static_cast<int>(seed % 4);
    planned.request.splits = {{"filters", 2, NodeId{2}}, {"tiles", 3, NodeId{3}}};
    for_rows(planned, [&](const Plan& row, const SimPlan&) {
      if (!row.split) return;
      ++split;
      EXPECT_GE(row.score.period_s * (1 + 1e-9), way_out_s(row, planned.swarm.source));
    });
  }
  EXPECT_GT(split, 10);
}

}  // namespace cleave
