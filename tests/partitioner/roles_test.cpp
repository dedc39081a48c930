#include "partitioner/roles.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace cleave {

namespace {

DeviceKind kind_of(int first, int count, double battery_j) {
  DeviceKind kind;
  for (int i = 0; i < count; ++i) kind.devices.push_back(first + i);
  kind.idle_w = 1;
  kind.standby_w = 0.25;
  kind.compute_w = 3;
  kind.battery_j = battery_j;
  return kind;
}

RoleCut cut_of(std::vector<std::vector<double>> compute_s, double link_s = 0) {
  return {"cut", std::move(compute_s), link_s};
}

// Two kinds of two devices, four layers, the second kind twice as fast, every transfer 0.1 s.
Problem small_problem() {
  Problem problem;
  problem.kinds = {kind_of(0, 2, 10), kind_of(2, 2, 20)};
  problem.positions = 5;
  problem.done_s = {{0, 1, 2, 3, 4}, {0, 0.5, 1, 1.5, 2}};
  problem.measured_s.resize(2);
  problem.held_bytes = problem.in_bytes = problem.out_bytes = std::vector<double>(5, 0);
  problem.sent_bytes = std::vector<double>(5, 100);
  problem.links.assign(2, std::vector<LinkCost>(2, {0, 1e-3, false}));
  problem.entry_s = {0, 0};
  problem.model = cost_model_catalog().data();
  return problem;
}

}  // namespace

TEST(AssignRoles, GivesEveryRoleToEveryKindThatHasADeviceLeft) {
  const std::vector<DeviceKind> kinds{kind_of(0, 1, 1), kind_of(1, 2, 1)};
  const std::vector<RoleCut> cuts{cut_of({{1, 1}, {1, 1}})};
  std::vector<std::vector<int>> found;
  for (const RolePlan& plan : assign_roles(kinds, cuts).plans) found.push_back(plan.kind_of_role);
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, (std::vector<std::vector<int>>{{0, 1}, {1, 0}, {1, 1}}));
}

TEST(AssignRoles, ChargesComputingWaitingAndStandby) {
  const std::vector<DeviceKind> kinds{kind_of(0, 1, 10), kind_of(1, 3, 20)};
  const std::vector<RoleCut> cuts{cut_of({{2, 7}, {9, 1}}, 0.5)};
  const RolePlans plans = assign_roles(kinds, cuts);
  const auto plan = std::find_if(plans.plans.begin(), plans.plans.end(), [](const RolePlan& p) {
    return p.kind_of_role == std::vector<int>{0, 1};
  });
  ASSERT_NE(plan, plans.plans.end());
  EXPECT_EQ(plan->period_s, 2);
  EXPECT_DOUBLE_EQ(plan->joules[0], 3 * 2);
  EXPECT_DOUBLE_EQ(plan->joules[1], (3 * 1 + 1 * 1) + 2 * 0.25 * 2);
  EXPECT_DOUBLE_EQ(plan->awake_frames, 10.0 / 6);
  EXPECT_DOUBLE_EQ(plan->frames, 10.0 / 6);
}

TEST(AssignRoles, TheLongestOfRolesLinkAndRateIsThePeriod) {
  const std::vector<DeviceKind> kinds{kind_of(0, 2, 1)};
  EXPECT_EQ(assign_roles(kinds, std::vector{cut_of({{2}, {1}})}).plans.at(0).period_s, 2);
  EXPECT_EQ(assign_roles(kinds, std::vector{cut_of({{2}, {1}}, 3)}).plans.at(0).period_s, 3);
  EXPECT_EQ(assign_roles(kinds, std::vector{cut_of({{2}, {1}}, 3)}, 5).plans.at(0).period_s, 5);
}

TEST(AssignRoles, SkipsWhatCannotBeDone) {
  const std::vector<DeviceKind> kinds{kind_of(0, 1, 1), kind_of(1, 1, 1)};
  EXPECT_EQ(assign_roles(kinds, std::vector{cut_of({{1, kInfinity}, {1, 1}})}).plans.size(), 1);
  EXPECT_TRUE(assign_roles(kinds, std::vector{cut_of({{1, 1}, {1, 1}, {1, 1}})}).plans.empty());
}

TEST(AssignRoles, ThinsToTheKindsThatLastLongestAndSaysSo) {
  const std::vector<DeviceKind> kinds{kind_of(0, 1, 5), kind_of(1, 1, 1), kind_of(2, 1, 9)};
  const std::vector<RoleCut> cuts{cut_of({{1, 1, 1}, {1, 1, 1}})};
  EXPECT_EQ(assign_roles(kinds, cuts, 0, 6).left_out, 0);
  const RolePlans thinned = assign_roles(kinds, cuts, 0, 5);
  EXPECT_EQ(thinned.left_out, 4);
  ASSERT_EQ(thinned.plans.size(), 2);
  EXPECT_EQ(thinned.plans[0].kind_of_role, (std::vector<int>{2, 0}));
  EXPECT_EQ(thinned.plans[1].kind_of_role, (std::vector<int>{0, 2}));
}

TEST(AssignRoles, ThinsTheCutsWithManyPlansOnly) {
  const std::vector<DeviceKind> kinds{kind_of(0, 1, 5), kind_of(1, 1, 1), kind_of(2, 1, 9), kind_of(3, 1, 2)};
  const std::vector<double> same(4, 1);
  const RolePlans plans = assign_roles(kinds, std::vector{cut_of({same}), cut_of({same, same, same})}, 0, 12);
  EXPECT_EQ(plans.plans.size(), 4 + 6);
  EXPECT_EQ(plans.left_out, 24 - 6);
}

TEST(AssignRoles, KeepsEveryDeviceAlone) {
  const std::vector<DeviceKind> kinds{kind_of(0, 1, 5), kind_of(1, 1, 1), kind_of(2, 1, 9)};
  const std::vector<RoleCut> cuts{cut_of({{1, 1, 1}}), cut_of({{1, 1, 1}, {1, 1, 1}})};
  EXPECT_EQ(assign_roles(kinds, cuts, 0, 2).plans.size(), 3 + 1);
}

TEST(AssignRoles, KeepsAStatedPlanOfACutThatNeedsEveryDevice) {
  std::vector<DeviceKind> kinds;
  for (int i = 0; i < 12; ++i) kinds.push_back(kind_of(i, 1, 1 + i));
  RoleCut cut = cut_of(std::vector<std::vector<double>>(12, std::vector<double>(12, 1)));
  for (int i = 0; i < 12; ++i) cut.stated.push_back(i);
  const RolePlans plans = assign_roles(kinds, std::vector{cut}, 0, 100);
  ASSERT_EQ(plans.plans.size(), 101);
  EXPECT_EQ(plans.plans.back().kind_of_role, cut.stated);
  EXPECT_EQ(plans.left_out, 479001600.0 - 101);
}

TEST(AssignRoles, ManyCutsOnOneKindAreNeverThinned) {
  const std::vector<DeviceKind> kinds{kind_of(0, 2, 5)};
  const std::vector<RoleCut> cuts(30, cut_of({{1}, {1}}));
  EXPECT_EQ(assign_roles(kinds, cuts, 0, 10).plans.size(), 30);
}

TEST(AssignRoles, CountsTheWaysItLists) {
  const std::vector<DeviceKind> kinds{kind_of(0, 3, 1), kind_of(3, 1, 1), kind_of(4, 2, 1)};
  for (std::size_t roles = 1; roles <= 7; ++roles) {
    const std::vector<RoleCut> cuts{cut_of(std::vector<std::vector<double>>(roles, {1, 1, 1}))};
    const RolePlans all = assign_roles(kinds, cuts), one = assign_roles(kinds, cuts, 0, 1);
    EXPECT_EQ(all.left_out, 0);
    EXPECT_EQ(static_cast<double>(all.plans.size()), one.left_out + static_cast<double>(one.plans.size())) << roles;
  }
}

TEST(AssignRoles, GivesMoreRolesThanDevicesToNobodyAtOnce) {
  std::vector<DeviceKind> kinds;
  for (int i = 0; i < 40; ++i) kinds.push_back(kind_of(i, 1, 1));
  const std::vector<RoleCut> cuts{cut_of(std::vector<std::vector<double>>(41, std::vector<double>(40, 1)))};
  EXPECT_TRUE(assign_roles(kinds, cuts).plans.empty());
}

TEST(AssignRoles, OfAProblemAreWhatEvaluateSays) {
  const Problem problem = small_problem();
  const std::vector<std::vector<int>> cuts{{}, {1}, {2}, {1, 3}};
  for (const double period_s : {0.0, 2.5}) {
    const RolePlans plans = assign_roles(problem, cuts, period_s);
    EXPECT_EQ(plans.plans.size(), 2 + 4 + 4 + 6);
    for (const RolePlan& plan : plans.plans) {
      Stages stages;
      const std::vector<int>& cut = cuts[static_cast<std::size_t>(plan.cut)];
      for (std::size_t role = 0; role < plan.kind_of_role.size(); ++role)
        stages.push_back({plan.kind_of_role[role], role == 0 ? 0 : cut[role - 1], role < cut.size() ? cut[role] : 4});
      const Score score = evaluate(problem, stages, period_s);
      EXPECT_EQ(plan.period_s, score.period_s);
      EXPECT_DOUBLE_EQ(plan.frames, score.frames);
    }
  }
}

TEST(AssignRoles, OfAProblemKeepToMemory) {
  Problem problem = small_problem();
  problem.held_bytes = {0, 1, 2, 3, 4};
  problem.kinds[0].memory_bytes = 2;
  EXPECT_EQ(assign_roles(problem, std::vector<std::vector<int>>{{}, {2}, {1}}).plans.size(), 1 + 4 + 2);
}

TEST(BestStatic, PrefersFewerDevicesOnATie) {
  RolePlans plans;
  plans.plans = {{0, {0, 0}, 1, {1}, 5, 5}, {1, {0}, 1, {1}, 5, 5}, {2, {0, 0}, 1, {1}, 4, 4}};
  EXPECT_EQ(best_static(plans), 1);
  EXPECT_EQ(best_static(plans, 2), 0);
  EXPECT_EQ(best_static(plans, 3), -1);
}

}  // namespace cleave
