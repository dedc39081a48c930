#include "partitioner/training_plan.h"

#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "tests/support/files.h"
#include "tests/support/models.h"

namespace cleave {

namespace {

struct Cascade {
  Model model;
  Swarm swarm;
  CostTable costs;
  TrainingRequest request;

  TrainingPlan plan() const { return training_plan(model.graph, swarm, costs, request); }
};

// The shipped cascade on its five cards, with the planner's estimates.
Cascade shipped(const std::vector<std::string>& sets = {}) {
  Cascade cascade;
  cascade.model = load_model(CLEAVE_SOURCE_DIR "/graphs/models/cifar10-cascade.yaml", cleave_language(), sets);
  Diagnostics found(cascade.model.reading.sources);
  const DocNode& doc = cascade.model.reading.doc;
  cascade.swarm = read_swarm(doc, found);
  cascade.costs = cost_table(cascade.model.graph, cascade.swarm, {}, cascade.model.reading.spec.training.batch);
  cascade.request = read_training(cascade.model.graph, doc, cascade.swarm, 50000);
  return cascade;
}

}  // namespace

TEST(TrainingPlan, ReadsWhatTheModelStates) {
  const TrainingRequest request = shipped({"training.mode=async"}).request;
  EXPECT_EQ(request.device_of, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(request.max_steps, 10);
  EXPECT_EQ(request.pick.body, 0.5);
  EXPECT_TRUE(request.cascade.stop_early);
  EXPECT_TRUE(request.cascade.blocks);
  EXPECT_EQ(request.cascade.capacity, 4);
  EXPECT_FALSE(shipped({"training.mode=lockstep"}).request.cascade.stop_early);
  EXPECT_FALSE(shipped({"training.mode=async", "training.buffer.when_full=drop_oldest"}).request.cascade.blocks);
  EXPECT_EQ(shipped({"training.iterations.max=auto"}).request.max_steps, 0);
}

// mcmc.md: multiply-adds a sample of body and head, and the bytes of a message.
TEST(TrainingPlan, CountsThePapersWork) {
  const TrainingPlan plan = shipped().plan();
  EXPECT_DOUBLE_EQ(plan.modules[0].forward_products, 743424 + 20480);
  EXPECT_DOUBLE_EQ(plan.modules[1].forward_products, 7929856 + 20480);
  EXPECT_NEAR(plan.modules[0].step_products, (23872 + 363) / 2.0, 1e-6);
  EXPECT_EQ(plan.batches, 98);
  EXPECT_EQ(plan.modules[0].sent_bytes, 4194304 + 512 * kLabelBytes + kFrameHeaderBytes);
  EXPECT_EQ(plan.modules[1].sent_bytes, 2097152 + 512 * kLabelBytes + kFrameHeaderBytes);  // f16
  EXPECT_EQ(plan.modules[4].sent_bytes, 0);
}

TEST(TrainingPlan, TakesTimesFromTheCostTable) {
  const Cascade cascade = shipped();
  const TrainingPlan plan = cascade.plan();
  double seconds = 0;
  for (std::size_t i = 0; i < cascade.model.graph.nodes.size(); ++i)
    if (cascade.model.graph.nodes[i].module == ModuleId{1})
      seconds += cascade.costs.seconds[static_cast<std::size_t>(cascade.costs.row_of[1])][i].value;
  EXPECT_DOUBLE_EQ(plan.modules[1].forward_s.value, seconds);
  EXPECT_TRUE(plan.modules[1].forward_s.estimate);
  EXPECT_LT(plan.modules[1].step_s.value, seconds);
}

TEST(TrainingPlan, PrefersASegmentMeasuredAsAWhole) {
  Cascade cascade = shipped();
  std::int32_t first = -1, last = -1;
  for (std::size_t i = 0; i < cascade.model.graph.nodes.size(); ++i)
    if (cascade.model.graph.nodes[i].module == ModuleId{2}) {
      if (first < 0) first = static_cast<std::int32_t>(i);
      last = static_cast<std::int32_t>(i);
    }
  cascade.costs.segments[static_cast<std::size_t>(cascade.costs.row_of[2])].push_back({first, last, 7});
  EXPECT_EQ(cascade.plan().modules[2].forward_s, (Figure{7, false}));
}

TEST(TrainingPlan, TimesTheLinksOfTheSwarm) {
  const TrainingPlan plan = shipped().plan();
  EXPECT_NEAR(plan.modules[0].link_s.value, 0.3e-3 + 8 * (4194352 + 2048) / 940e6, 1e-12);
  EXPECT_NEAR(plan.modules[3].link_s.value, 2e-3 + 8 * (2097200 + 2048) / 40e6, 1e-12);  // on Wi-Fi
  EXPECT_FALSE(plan.modules[0].link_s.estimate);
}

TEST(TrainingPlan, NamesThePaceAndFollowsIt) {
  const Cascade cascade = shipped({"training.mode=async"});
  const TrainingPlan plan = cascade.plan();
  EXPECT_GE(plan.slowest, 1);  // a Pi
  EXPECT_LE(plan.slowest, 3);
  EXPECT_FALSE(plan.slowest_is_link);
  for (const ModulePlan& module : plan.modules) {
    EXPECT_NEAR(module.pace_s.value / plan.modules[0].pace_s.value, 1, 1e-3);
    EXPECT_TRUE(module.steps >= 1 && module.steps <= 10);
    EXPECT_TRUE(module.busy_share > 0 && module.busy_share <= 1);
  }
  EXPECT_NEAR(plan.modules[static_cast<std::size_t>(plan.slowest)].busy_share, 1, 1e-6);
  EXPECT_NEAR(plan.epoch_s.value, 98 * plan.modules[0].pace_s.value, 1e-6);
}

TEST(TrainingPlan, AddsUpTheJoulesOfBusyAndWaiting) {
  const Cascade cascade = shipped({"training.mode=async"});
  const TrainingPlan plan = cascade.plan();
  double joules = 0;
  for (const ModulePlan& module : plan.modules) {
    const Device& card = cascade.swarm.devices[static_cast<std::size_t>(module.device)];
    const double busy_s = module.busy_share * plan.epoch_s.value;
    const double expected = card.compute_w.value * busy_s + card.idle_w.value * (plan.epoch_s.value - busy_s);
    EXPECT_NEAR(module.joules, expected, 1e-9 * expected);
    joules += module.joules;
  }
  EXPECT_DOUBLE_EQ(plan.joules, joules);
}

TEST(TrainingPlan, CountsTheBatchesThatAFullBufferDrops) {
  const Cascade cascade = shipped({"training.mode=async", "training.buffer.when_full=drop_oldest"});
  const TrainingPlan plan = cascade.plan();
  EXPECT_NEAR(plan.modules[0].batches, 98, 1e-9);
  EXPECT_NEAR(plan.modules[1].batches * plan.modules[1].pace_s.value, plan.epoch_s.value, 1e-9);
  EXPECT_LT(plan.modules[1].batches, 98);
  const std::string summary = training_summary(cascade.model.graph, cascade.swarm, plan);
  EXPECT_NE(summary.find("m2 gets only ~"), std::string::npos) << summary;
}

TEST(TrainingPlan, OfLockstepDoesEveryStep) {
  for (const ModulePlan& module : shipped({"training.mode=lockstep"}).plan().modules) EXPECT_EQ(module.steps, 10);
}

TEST(TrainingPlan, BalancesStepsWhereTheyAreLeftToIt) {
  const TrainingPlan plan = shipped({"training.mode=lockstep", "training.iterations.max=auto"}).plan();
  for (const ModulePlan& module : plan.modules) {
    EXPECT_GE(module.max_steps, 10);
    EXPECT_GT(module.busy_share * module.pace_s.value, module.pace_s.value - module.step_s.value - 1e-9);
  }
  EXPECT_EQ(plan.modules[static_cast<std::size_t>(plan.slowest)].max_steps, 10);
  EXPECT_GT(plan.modules[4].max_steps, 1000);  // a head alone
}

TEST(TrainingPlan, SharesADeviceAmongItsModules) {
  Cascade cascade = shipped({"training.mode=lockstep"});
  const TrainingPlan apart = cascade.plan();
  cascade.request.device_of = {0, 1, 1, 1, 4};
  const TrainingPlan together = cascade.plan();
  EXPECT_NEAR(together.modules[1].pace_s.value, 3 * apart.modules[1].pace_s.value, 1e-6);
  EXPECT_EQ(together.modules[1].sent_bytes, 0);
  const double watts = cascade.swarm.devices[1].compute_w.value;
  const double joules = together.modules[1].joules + together.modules[2].joules + together.modules[3].joules;
  // One card, always busy but for a moment: m3 and m4 read halves, which takes a little less than m2's time.
  EXPECT_NEAR(joules, watts * together.epoch_s.value, 1e-3 * joules);
}

TEST(TrainingPlan, SendsTheInputWhereAnotherDeviceHoldsIt) {
  Cascade cascade = shipped();
  EXPECT_EQ(cascade.plan().input_bytes, 0);
  cascade.swarm.source = 1;
  EXPECT_EQ(cascade.plan().input_bytes, 512 * (3072 * 4 + kLabelBytes) + kFrameHeaderBytes);
  EXPECT_GT(cascade.plan().input_s.value, 0);
}

TEST(TrainingPlan, RefusesModulesWithoutDeviceOrPath) {
  Cascade cascade = shipped();
  cascade.request.device_of[2] = -1;
  EXPECT_EQ(error_of<UserError>([&] { cascade.plan(); }), "module 'm3' has no device; name one in placement.map");
  cascade.request.device_of[2] = 5;  // there are five
  EXPECT_NE(error_of<UserError>([&] { cascade.plan(); }).find("no device"), std::string::npos);
  cascade.request.device_of[2] = 2;
  cascade.swarm.links[1][2].bandwidth_bps = {0, false};
  EXPECT_EQ(error_of<UserError>([&] { cascade.plan(); }), "no link joins 'p8' and 'p4'");
}

TEST(TrainingPlan, WritesARowForEveryModule) {
  const Cascade cascade = shipped({"training.mode=async"});
  const TrainingPlan plan = cascade.plan();
  const std::vector<std::vector<std::string>> rows = training_rows(cascade.model.graph, cascade.swarm, plan);
  ASSERT_EQ(rows.size(), 2 + plan.modules.size());
  for (const std::vector<std::string>& row : rows) EXPECT_EQ(row.size(), rows[0].size());
  EXPECT_EQ(rows[2][0], "m1");
  EXPECT_EQ(rows[2][1], "j4");
  EXPECT_EQ(rows[2][2], "764 k");
  EXPECT_EQ(rows[2][9], "4 MiB");
  EXPECT_TRUE(rows[2][4].starts_with("~"));
  EXPECT_NE(training_summary(cascade.model.graph, cascade.swarm, plan).find("sets the pace"), std::string::npos);
}

}  // namespace cleave
