// Plans stated by hand: costed like the planner's own, refused where no swarm could run them.
#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "partitioner/plan_file.h"
#include "tests/support/files.h"
#include "tests/support/planned.h"

namespace cleave {

namespace {

constexpr const char* kLayers = R"(version: 1
devices:
  a: {preset: raspberry-pi-3b}
  b: {preset: raspberry-pi-3b}
  c: {preset: raspberry-pi-4b-4gb, memory: 600MiB, reserve: 400MiB}
links: {default: {bandwidth: 40Mbit/s, latency: 2ms}}
network:
  input: {image: [2, 8, 8]}
  layers:
    - {conv2d: {filters: 8, kernel: 3, padding: same}, name: stem}
    - relu
    - residual: {body: [{conv2d: {filters: 8, kernel: 3, padding: same}}, relu], shortcut: [{conv2d: {filters: 8, kernel: 1}}]}
      name: block
    - relu
    - flatten
    - {dense: {units: 4}, name: out}
)";

std::string with(const std::string& placement) {
  return std::string(kLayers) + fmt::format("placement: {{mode: manual, {}}}\n", placement);
}

Plan stated(const std::string& text) {
  const Planned planned(text);
  return manual_plan(planned.model, planned.setting());
}

// "a: stem relu | b: …"
std::string runs(const std::string& placement) {
  const Planned planned(with(placement));
  const Plan plan = manual_plan(planned.model, planned.setting());
  const Graph graph = graph_of_plan(planned.model.graph, plan);
  std::string text;
  for (const PlanStage& stage : plan.stages) {
    text += (text.empty() ? "" : " | ") + planned.swarm.devices[static_cast<std::size_t>(stage.device)].name + ":";
    for (const NodeId node : stage.nodes) text += " " + graph.node(node).name;
  }
  return text;
}

std::string mistake(const std::string& placement) {
  return error_of<ModelError>([&] { stated(with(placement)); });
}

void expect_mistake(const std::string& placement, const std::string& wanted) {
  const std::string error = mistake(placement);
  EXPECT_NE(error.find(wanted), std::string::npos) << error;
  EXPECT_TRUE(error.starts_with("test.yaml:17:")) << error;
}

TEST(ManualPlan, RunsUnnamedLayersWhereTheOneAboveRuns) {
  EXPECT_EQ(runs("map: {stem: a, flatten: b}"),
            "a: stem relu block/conv2d block/relu block/shortcut/conv2d block relu_2 | b: flatten out");
}

TEST(ManualPlan, TakesTheInnermostNameOfANode) {
  EXPECT_EQ(runs("map: {stem: a, block: b, block/shortcut: a}"),
            "a: stem relu block/shortcut/conv2d | b: block/conv2d block/relu block relu_2 flatten out");
}

TEST(ManualPlan, CutsAcrossTheFilesOrderWhereTheGraphAllows) {
  EXPECT_EQ(runs("map: {stem: a, block/shortcut: b, block/conv2d: c, block/relu: c, block: c}"),
            "a: stem relu | b: block/shortcut/conv2d | c: block/conv2d block/relu block relu_2 flatten out");
}

TEST(ManualPlan, RunsFirstWhatTheMapNamesFirst) {
  EXPECT_EQ(runs("map: {stem: a, block/conv2d: b, block/relu: b, block/shortcut: c, relu_2: c, block: c}"),
            "a: stem relu | b: block/conv2d block/relu | c: block/shortcut/conv2d block relu_2 flatten out");
}

TEST(ManualPlan, IsCostedLikeTheSameRowOfTheTable) {
  const Planned planned{std::string(kLayers)};
  const std::vector<Plan> rows = planned.table().rows;
  const auto row = std::find_if(rows.begin(), rows.end(), [](const Plan& r) { return r.cut == "relu"; });
  ASSERT_NE(row, rows.end());
  const auto device = [&](int stage) {
    return planned.swarm.devices[static_cast<std::size_t>(row->stages[static_cast<std::size_t>(stage)].device)].name;
  };
  const Plan plan = stated(with(fmt::format("map: {{stem: {}, block: {}}}", device(0), device(1))));
  EXPECT_TRUE(plan.stages == row->stages && plan.cuts == row->cuts && plan.score == row->score);
  EXPECT_EQ(plan.cut, "relu");
  EXPECT_EQ(plan.value, row->value);
}

TEST(ManualPlan, SplitsTheHeadAsPlacementSplitSays) {
  const std::string text = runs("map: {stem: a+b, block: c}, split: {filters: [2], tiles: [4]}");
  EXPECT_TRUE(text.starts_with("a: stem@1 ")) << text;
  EXPECT_NE(text.find(" | b: stem@2 "), std::string::npos) << text;
  EXPECT_NE(text.find(" | c: relu block/conv2d"), std::string::npos) << text;
}

TEST(ManualPlan, TellsWhatDoesNotFit) {
  EXPECT_EQ(stated(with("map: {stem: a, out: b}")).misfit, "");
  EXPECT_EQ(stated(with("map: {stem: a}, pin: {stem: b}")).misfit, "a pinned layer would run elsewhere");
  EXPECT_NE(stated(with("map: {stem: a, out: b}, limits: {latency: 1us}")).misfit.find("over the limit"),
            std::string::npos);
  EXPECT_NE(stated(with("map: {stem: c}, limits: {memory: 0.001%}")).misfit.find("'c' would hold"), std::string::npos);
}

TEST(ManualPlan, ClaimsNoBound) {
  const Plan faster = stated(with("map: {stem: a, out: b}, objective: throughput"));
  EXPECT_EQ(faster.bound, kInfinity);
  EXPECT_FALSE(faster.optimal);
  EXPECT_EQ(stated(with("map: {stem: a, out: b}, objective: latency")).bound, 0);
}

TEST(ManualPlan, RefusesDevicesThatTakeTurns) {
  expect_mistake("map: {stem: a, block: b, out: a}",
                 "'a' and 'b' would take turns: 'out' on 'a' reads 'flatten' on 'b'");
  expect_mistake("map: {stem: a, block: b, block/relu: c}", "would take turns");
}

TEST(ManualPlan, RefusesNodesNobodyRuns) {
  expect_mistake("map: {block: b}", "the map does not say where 'stem' runs");
  expect_mistake("map: {}", "placement states no map");
}

TEST(ManualPlan, RefusesADeviceWithTwoStages) {
  expect_mistake("map: {stem: a+b, block: a}, split: {filters: [2]}", "'a' has a stage already");
}

TEST(ManualPlan, RefusesCutsThePlacementLeavesOut) {
  expect_mistake("map: {stem: a, flatten: b}, cuts: {after: [block]}",
                 "the map cuts behind 'relu_2', which is not one of placement.cuts.after");
}

TEST(ManualPlan, RefusesSplitsItCannotTell) {
  expect_mistake("map: {stem: a+b, block: c}", "how is the head split in 2 ways?");
  expect_mistake("map: {stem: a+b, block: c}, split: {filters: [2], tiles: [2]}",
                 "states filters and tiles for 2 ways");
  expect_mistake("map: {stem: a+b, block/conv2d: a+b, block: c}, split: {filters: [2]}",
                 "the head cannot be split behind");
  expect_mistake("map: {stem: a+b}, split: {filters: [2]}", "the whole network is split");
  expect_mistake("map: {stem: c, block: a+b}, split: {filters: [2]}", "'a+b' is to share what is not the head");
}

TEST(ManualPlan, IsForTheSwarmThatIsThere) {
  const Planned planned(with("map: {stem: a, out: b}"));
  const Swarm other = swarm_of(1, "raspberry-pi-3b", planned.model.reading.doc);
  const CostTable costs = cost_table(planned.model.graph, other, {}, 1);
  const Setting setting{planned.model.graph, other, costs, planned.request};
  const std::string error = error_of<ModelError>([&] { manual_plan(planned.model, setting); });
  EXPECT_NE(error.find("there is no device 'b' in this swarm"), std::string::npos) << error;
}

}  // namespace

}  // namespace cleave
