#include "engine/train/diagnose.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "ops/core/rng.h"

namespace cleave {
namespace {

struct Made {
  std::size_t rows = 2000;
  double trend = 0;  // of the loss, per row
  double apart = 0;  // of the second chain's loss
  double body_acceptance = 0.3;
  double log_ratio = 0;
};

// Two chains with a body layer and a head layer in turns, whose losses are independent draws.
std::vector<Trace> traces(const Made& made) {
  std::vector<Trace> chains(2);
  Rng rng(11, 0, 0);
  for (std::size_t c = 0; c < 2; ++c) {
    chains[c].layers = {{"m/conv", Part::body}, {"m/dense", Part::head}};
    for (std::size_t i = 0; i < made.rows; ++i) {
      RecordedStep step{.step = static_cast<std::int64_t>(i), .layer = static_cast<std::int32_t>(i % 2)};
      step.accepted = rng.uniform() < (i % 2 == 0 ? made.body_acceptance : 0.3);
      step.loss = rng.normal() + made.trend * static_cast<double>(i) + (c == 1 ? made.apart : 0);
      step.log_prior = rng.normal();
      step.log_ratio = made.log_ratio;
      step.jump = step.accepted ? 2 : 0;
      step.lambda = 10;
      chains[c].steps.push_back(step);
    }
  }
  return chains;
}

ModuleDiagnosis diagnose(const Made& made, const WarmUp& warm_up = {}) {
  return diagnose_module("m", traces(made), warm_up, 0);
}

bool has_fault(const ModuleDiagnosis& module, const std::string& words) {
  return std::any_of(module.findings.begin(), module.findings.end(), [&](const Finding& f) {
    return f.is_fault && (f.block + " " + f.what).find(words) != std::string::npos;
  });
}

TEST(Diagnosis, OfGoodChainsFindsNoFault) {
  const ModuleDiagnosis module = diagnose({});
  for (const Finding& finding : module.findings) EXPECT_FALSE(finding.is_fault) << finding.what;
  EXPECT_NEAR(module.scalars[2].bulk_ess, 2000, 300);  // the later half of 2 chains of 2000 independent draws
  EXPECT_NEAR(module.steps_per_draw, 1, 0.2);
  EXPECT_EQ(module.draws, 1000);
}

TEST(Diagnosis, CountsByPartAndLayer) {
  const ModuleDiagnosis module = diagnose({}, {.steps = 0, .share = 0});
  ASSERT_EQ(module.blocks.size(), 4u);  // body, conv, head, dense
  EXPECT_EQ(module.blocks[1].layer, "m/conv");
  EXPECT_EQ(module.blocks[1].steps, 2000);
  EXPECT_EQ(module.blocks[0].accepted, module.blocks[1].accepted);
  EXPECT_NEAR(module.blocks[1].acceptance(), 0.3, 0.05);
  EXPECT_EQ(module.blocks[3].mean_jump, 2);
}

TEST(Diagnosis, NamesAStuckBlockAndOneThatTakesEverything) {
  EXPECT_TRUE(has_fault(diagnose({.body_acceptance = 0}), "m/conv is stuck"));
  EXPECT_TRUE(has_fault(diagnose({.body_acceptance = 0.99}), "m/conv takes nearly everything"));
  EXPECT_FALSE(has_fault(diagnose({.rows = 300, .body_acceptance = 0}), "stuck"));  // too few to say
}

TEST(Diagnosis, NamesALossThatStillFalls) {
  EXPECT_TRUE(has_fault(diagnose({.trend = -0.01}), "its loss still falls"));
  EXPECT_TRUE(has_fault(diagnose({.trend = 0.01}), "its loss still rises"));
}

TEST(Diagnosis, NamesChainsThatDisagree) {
  EXPECT_TRUE(has_fault(diagnose({.apart = 5}), "R-hat of its loss"));
  EXPECT_FALSE(has_fault(diagnose({.apart = 5}), "R-hat of its log prior"));
}

TEST(Diagnosis, LeavesWarmUpOut) {
  EXPECT_EQ(diagnose({}, {.steps = 1500, .share = 0}).draws, 500);
  EXPECT_EQ(diagnose({}, {.steps = 0, .share = 0.25}).draws, 1500);
  EXPECT_EQ(diagnose({}, {.steps = 99999, .share = 0}).draws, 0);
}

TEST(Diagnosis, CountsStepsThatWereNotFinite) {
  EXPECT_EQ(diagnose({.log_ratio = NAN}, {.steps = 0, .share = 0}).blocks[1].not_finite, 2000);
  EXPECT_TRUE(has_fault(diagnose_module("m", traces({}), {}, 1000), "no finite number"));
  EXPECT_FALSE(has_fault(diagnose_module("m", traces({}), {}, 1), "no finite number"));
}

TEST(Diagnosis, OfATraceWithoutRowsSaysSo) {
  const ModuleDiagnosis module = diagnose_module("m", std::vector<Trace>(1), {}, 0);
  ASSERT_EQ(module.findings.size(), 1u);
  EXPECT_FALSE(module.findings[0].is_fault);
  EXPECT_TRUE(std::isnan(module.scalars[0].bulk_ess));
}

}  // namespace
}  // namespace cleave
