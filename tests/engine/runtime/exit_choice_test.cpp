#include "engine/runtime/exit_choice.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "graphs/exit_rule.h"
#include "ops/core/rng.h"

namespace cleave {
namespace {

// Heads that are right as often as they are sure, later ones more often.
ExitSamples random_samples(std::vector<double> cost, std::uint64_t seed, std::size_t count) {
  ExitSamples samples{std::move(cost), {}, {}};
  Rng rng(seed, kTestStream, 0);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t h = 0; h < samples.heads(); ++h) {
      const double sure = std::min(1.0, 0.3 + 0.1 * static_cast<double>(h) + 0.7 * rng.uniform());
      samples.sureness.push_back(sure);
      samples.right.push_back(rng.uniform() < sure ? 1 : 0);
    }
  return samples;
}

TEST(AtThresholds, CountsWhoLeavesWhereByHand) {
  const ExitSamples samples{{0.25, 1}, {0.9, 0.5, 0.4, 0.8, 0.9, 0.3, 0.2, 0.9}, {1, 0, 1, 1, 0, 1, 0, 1}};
  const ExitPoint point = at_thresholds(samples, {0.9});
  EXPECT_EQ(point.left, (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(point.accuracy, 0.75);  // right, right, wrong, right
  EXPECT_EQ(point.saved, 0.75 / 2);
  EXPECT_EQ(at_thresholds(samples, {kNeverLeaves}).saved, 0);
}

// With one exit, every threshold can be tried: nothing saves as much and is more accurate than the hull of the curve.
TEST(BestExits, WithOneExitLieOnTheUpperHullOfAllThresholds) {
  const ExitSamples samples = random_samples({0.3, 1}, 5, 200);
  const std::vector<ExitPoint> best = best_exits(samples);
  for (const double price : {0.01, 0.1, 0.5, 2.0}) {
    const auto value = [&](const ExitPoint& point) { return point.accuracy + price * point.saved; };
    double reached = 0, possible = 0;
    for (const ExitPoint& point : best) reached = std::max(reached, value(point));
    for (std::size_t i = 0; i < samples.count(); ++i)
      possible = std::max(possible, value(at_thresholds(samples, {samples.sureness[2 * i]})));
    EXPECT_NEAR(reached, std::max(possible, value(at_thresholds(samples, {kNeverLeaves}))), 2e-3) << price;
  }
}

TEST(BestExits, NoneIsWorseInBothThanAnother) {
  const std::vector<ExitPoint> best = best_exits(random_samples({0.1, 0.3, 0.6, 1}, 9, 300));
  ASSERT_GE(best.size(), 3U);
  for (std::size_t i = 1; i < best.size(); ++i) {
    EXPECT_GT(best[i].saved, best[i - 1].saved);
    EXPECT_LT(best[i].accuracy, best[i - 1].accuracy);
  }
}

TEST(BestExits, AThresholdForEachIsAtLeastAsGoodAsOneForAll) {
  const ExitSamples samples = random_samples({0.1, 0.3, 0.6, 1}, 9, 300);
  const std::vector<ExitPoint> best = best_exits(samples);
  for (const double threshold : {0.5, 0.7, 0.9}) {
    const ExitPoint same = at_thresholds(samples, {threshold, threshold, threshold});
    const bool beaten = std::any_of(best.begin(), best.end(), [&](const ExitPoint& point) {
      return point.accuracy >= same.accuracy && point.saved >= same.saved;
    });
    EXPECT_TRUE(beaten) << threshold;
  }
}

TEST(ChooseExits, KeepToTheLossAndSaveMoreForMore) {
  const ExitSamples samples = random_samples({0.1, 0.3, 1}, 3, 400);
  const std::vector<ExitPoint> best = best_exits(samples);
  const double full = at_thresholds(samples, {kNeverLeaves, kNeverLeaves}).accuracy;
  double saved = -1;
  for (const double loss : {0.0, 0.01, 0.05, 1.0}) {
    const ExitPoint chosen = choose_exits(samples, best, loss);
    EXPECT_GE(chosen.accuracy, full - loss - 1e-9);
    EXPECT_GE(chosen.saved, saved);
    saved = chosen.saved;
  }
  EXPECT_NEAR(saved, 0.9, 1e-9);  // all leave at once
}

TEST(ChooseExits, LeaveTheExitsOutWhereNoneCanBeAfforded) {
  const ExitSamples samples{{0.5, 1}, {0.9, 0.9, 0.8, 0.9}, {0, 1, 0, 1}};
  EXPECT_EQ(choose_exits(samples, best_exits(samples), 0.1).thresholds, std::vector<double>{kNeverLeaves});
}

}  // namespace
}  // namespace cleave
