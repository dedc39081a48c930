// The table and its choice, over random swarms and costs: whatever wins, nothing listed may be better.
#include "partitioner/plan.h"

#include <cmath>

#include <gtest/gtest.h>

#include "graphs/passes.h"
#include "ops/core/catalog.h"
#include "ops/core/rng.h"
#include "partitioner/make_problem.h"
#include "tests/support/models.h"

namespace cleave {

namespace {

constexpr const char* kChain =
    "[{conv2d: {filters: 4, kernel: 3, padding: same}}, relu, {max_pool: {size: 2}}, flatten, "
    "{dense: {units: 8}}, relu, {dense: {units: 3}}]";
constexpr const char* kNorms =
    "[{conv2d: {filters: 4, kernel: 3}}, batch_norm, relu, {conv2d: {filters: 4, kernel: 3}}, batch_norm, relu, "
    "flatten, {dense: {units: 3}}]";
constexpr const char* kSkips =
    "[{conv2d: {filters: 4, kernel: 3, padding: same}}, {residual: {body: [{conv2d: {filters: "
    "4, kernel: 3, padding: same}}, relu]}}, relu, flatten, {dense: {units: 3}}]";

// A swarm, its costs and a request, all drawn.
struct Drawn {
  Model model;
  Swarm swarm;
  CostTable costs;
  PlanRequest request;
  Rng rng;

  Drawn(const char* layers, std::uint64_t seed) : model(layers_of(layers)), rng(seed, kTestStream, 0) {
    const int devices = 1 + static_cast<int>(rng.below(4));
    for (int d = 0; d < devices; ++d) add_device(d);
    for (int a = 0; a < devices; ++a) {
      swarm.links.emplace_back(static_cast<std::size_t>(devices));
      for (int b = 0; b < a; ++b) link(a, b) = link(b, a) = Link{{drawn(1e6, 1e8)}, {drawn(1e-5, 1e-3)}, false};
    }
    costs = cost_table(model.graph, swarm, {}, 1);
    request.model = &cost_model_catalog().front();
    request.time_limit_s = 60;
  }

  double drawn(double low, double high) { return low * std::pow(high / low, rng.uniform()); }
  Link& link(int a, int b) { return swarm.links[static_cast<std::size_t>(a)][static_cast<std::size_t>(b)]; }

  void add_device(int d) {
    Device device;
    device.name = std::string(1, static_cast<char>('a' + d));
    device.memory_bytes = 1 << 20;
    device.real_flops = {drawn(1e7, 1e9)};
    device.binary_ops = {drawn(1e8, 1e10)};
    device.bytes_per_s = {drawn(1e8, 1e9)};
    device.idle_w = {drawn(0.5, 2)};
    device.compute_w = {device.idle_w.value + drawn(0.5, 4)};
    device.standby_w = {device.idle_w.value * rng.uniform()};
    device.battery_j = drawn(1, 10);
    swarm.devices.push_back(device);
  }

  PlanTable plan(const char* objective) {
    request.objective = find(objective_catalog(), objective);
    return partition(model.graph, swarm, costs, request);
  }
};

std::uint64_t seed_of(int round) { return 7000 + static_cast<std::uint64_t>(round); }

void expect_nothing_better(const PlanTable& table, const ObjectiveDef& objective) {
  ASSERT_GE(table.chosen, 0) << table.reason;
  for (const Plan& row : table.rows) {
    if (row.is_feasible()) {
      EXPECT_FALSE(is_better(objective, row.value, table.plan().value)) << row.cut;
    }
  }
  EXPECT_FALSE(is_better(objective, table.plan().value, table.plan().bound));
  EXPECT_TRUE(table.plan().optimal);
}

class Objectives : public testing::TestWithParam<const char*> {};

TEST_P(Objectives, NoRowBeatsThePlanAndThePlanNeverBeatsItsBound) {
  for (int round = 0; round < 25; ++round) {
    SCOPED_TRACE(seed_of(round));
    Drawn drawn(round % 2 == 0 ? kChain : kSkips, seed_of(round));
    const PlanTable table = drawn.plan(GetParam());
    expect_nothing_better(table, *drawn.request.objective);
  }
}

TEST_P(Objectives, TheBestSingleDeviceIsAlwaysThere) {
  Drawn drawn(kChain, 3);
  const PlanTable table = drawn.plan(GetParam());
  EXPECT_EQ(table.rows.front().cut, "-");
  EXPECT_EQ(table.rows.front().stages.size(), 1U);
}

TEST_P(Objectives, SplitHeadsAreTriedToo) {
  Drawn drawn(kChain, 11);
  while (drawn.swarm.devices.size() < 3) drawn = Drawn(kChain, drawn.rng.bits());
  drawn.request.splits = {{"filters", 2, NodeId{2}}, {"tiles", 2, NodeId{3}}};
  const PlanTable table = drawn.plan(GetParam());
  expect_nothing_better(table, *drawn.request.objective);
  EXPECT_EQ(std::count_if(table.rows.begin(), table.rows.end(), [](const Plan& p) { return p.split.has_value(); }) >= 2,
            true);
}

INSTANTIATE_TEST_SUITE_P(All, Objectives, testing::Values("throughput", "latency", "energy", "lifetime", "balance"),
                         [](const testing::TestParamInfo<const char*>& row) { return std::string(row.param); });

TEST(Partition, EveryNodeRunsOnOneDevice) {
  for (int round = 0; round < 10; ++round) {
    Drawn drawn(kSkips, seed_of(round));
    PlanTable table = drawn.plan("throughput");
    Plan plan = table.plan();
    name_nodes({drawn.model.graph, drawn.swarm, drawn.costs, drawn.request}, plan);
    std::vector<int> runs(drawn.model.graph.nodes.size());
    for (const PlanStage& stage : plan.stages)
      for (const NodeId node : stage.nodes) ++runs[index_of(node)];
    for (std::size_t i = 1; i < runs.size(); ++i) EXPECT_EQ(runs[i], 1) << i;
  }
}

// The stage of every node of a plan.
std::vector<int> stages_of(const Drawn& drawn, Plan plan) {
  name_nodes({drawn.model.graph, drawn.swarm, drawn.costs, drawn.request}, plan);
  std::vector<int> stages(drawn.model.graph.nodes.size(), -1);
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    for (const NodeId node : plan.stages[s].nodes) stages[index_of(node)] = static_cast<int>(s);
  return stages;
}

TEST(Partition, CutsNoLayerWhereNoCutsAreStated) {
  for (int round = 0; round < 20; ++round) {
    Drawn drawn(round % 2 == 0 ? kNorms : kSkips, seed_of(round));
    const std::vector<NodeId> computed = computed_by(drawn.model.graph);
    for (const Plan& row : drawn.plan("throughput").rows) {
      const std::vector<int> stages = stages_of(drawn, row);
      for (std::size_t i = 1; i < stages.size(); ++i)
        EXPECT_EQ(stages[i], stages[index_of(computed[i])]) << row.cut << " " << drawn.model.graph.nodes[i].name;
    }
  }
}

TEST(Partition, CutsALayerWhereThatIsStated) {
  Drawn drawn(kNorms, seed_of(3));
  drawn.request.cut_after = {NodeId{1}};  // a convolution, in front of its batch norm
  const PlanTable table = drawn.plan("throughput");
  EXPECT_TRUE(std::any_of(table.rows.begin(), table.rows.end(), [](const Plan& row) { return row.cut == "conv2d"; }));
}

TEST(Partition, APinnedNodeRunsWhereItIsPinned) {
  for (int round = 0; round < 10; ++round) {
    Drawn drawn(kChain, seed_of(round));
    const int device = static_cast<int>(drawn.swarm.devices.size()) - 1;
    drawn.request.pins[NodeId{1}] = device;
    EXPECT_EQ(drawn.plan("throughput").plan().stages.front().device, device);
  }
}

TEST(Partition, ALatencyLimitIsKeptOrRefused) {
  Drawn drawn(kChain, 5);
  const double shortest = drawn.plan("latency").plan().score.latency_s;
  drawn.request.latency_limit_s = 1.05 * shortest;
  EXPECT_LE(drawn.plan("throughput").plan().score.latency_s, 1.05 * shortest);
  drawn.request.latency_limit_s = 0.9 * shortest;
  const PlanTable none = drawn.plan("throughput");
  EXPECT_EQ(none.chosen, -1);
  EXPECT_NE(none.reason.find("latency: no plan keeps to"), std::string::npos) << none.reason;
}

TEST(Partition, SaysWhichMemoryIsMissing) {
  Drawn drawn(kChain, 6);
  for (Device& device : drawn.swarm.devices) device.memory_bytes = 900;
  const PlanTable none = drawn.plan("throughput");
  EXPECT_EQ(none.chosen, -1);
  EXPECT_NE(none.reason.find("memory: "), std::string::npos) << none.reason;
  EXPECT_NE(none.reason.find("more than the"), std::string::npos) << none.reason;
}

}  // namespace

}  // namespace cleave
