// Rules of the diagnostics; published numbers for published draws are in reference_draws_test.cpp.
#include "engine/mcmc/diagnostics.h"

#include <cmath>

#include <gtest/gtest.h>

#include "ops/core/rng.h"

namespace cleave {
namespace {

// Chains of x_t = φ·x_(t-1) + noise, begun in their stationary law.
ScalarDraws autoregressive(double phi, std::size_t chains, std::size_t draws) {
  Rng rng(20261121, 0, 0);
  ScalarDraws result(chains);
  for (std::vector<double>& chain : result) {
    double x = rng.normal() / std::sqrt(1 - phi * phi);
    for (std::size_t t = 0; t < draws; ++t) {
      chain.push_back(x);
      x = phi * x + rng.normal();
    }
  }
  return result;
}

TEST(Autocovariance, IsThatOfTheSumsByDefinition) {
  const std::vector<double> series = autoregressive(0.5, 1, 37).front();
  double mean = 0;
  for (const double x : series) mean += x / 37;
  const std::vector<double> covariance = autocovariance(series);
  for (std::size_t lag = 0; lag < series.size(); ++lag) {
    double sum = 0;
    for (std::size_t t = 0; t + lag < series.size(); ++t) sum += (series[t] - mean) * (series[t + lag] - mean);
    EXPECT_NEAR(covariance[lag], sum / 37, 1e-12);
  }
}

// τ of such a series is (1 + φ) / (1 - φ).
TEST(Ess, IsWhatTheoryGivesForAutoregressiveChains) {
  for (const double phi : {0.0, 0.5, 0.9}) {
    const double all = 4 * 20000;
    EXPECT_NEAR(split_ess(autoregressive(phi, 4, 20000)) / all, (1 - phi) / (1 + phi), 0.05 * (1 - phi)) << phi;
    EXPECT_NEAR(bulk_ess(autoregressive(phi, 4, 20000)) / all, (1 - phi) / (1 + phi), 0.05 * (1 - phi)) << phi;
  }
}

TEST(Ess, AntitheticDrawsCountForMoreThanTheyAreButWithinBounds) {
  const ScalarDraws chains = autoregressive(-0.9, 4, 1000);
  EXPECT_GT(split_ess(chains), 4000);
  EXPECT_LE(split_ess(chains), 4000 * std::log10(4000.0));
}

TEST(Ess, ChainsThatDisagreeAreFewDraws) {
  ScalarDraws chains = autoregressive(0, 2, 1000);
  for (double& value : chains[1]) value += 10;
  EXPECT_LT(split_ess(chains), 5);
  EXPECT_GT(split_rhat(chains), 2);
}

TEST(Rhat, OfChainsThatAgreeIsNearOne) {
  const ScalarDraws chains = autoregressive(0.5, 4, 5000);
  for (const double r : {rhat(chains), split_rhat(chains), rank_rhat(chains)}) EXPECT_NEAR(r, 1, 0.005);
}

TEST(Rhat, SplittingSeesDriftInOneChain) {
  ScalarDraws chains = autoregressive(0, 1, 1000);
  for (std::size_t t = 0; t < 1000; ++t) chains[0][t] += 0.01 * static_cast<double>(t);
  EXPECT_GT(split_rhat(chains), 1.5);
}

TEST(Rhat, FoldingSeesChainsOfAnotherWidth) {
  ScalarDraws chains = autoregressive(0, 2, 2000);
  for (double& value : chains[1]) value *= 5;
  EXPECT_LT(split_rhat(chains), 1.01);
  EXPECT_GT(rank_rhat(chains), 1.2);
}

TEST(Rhat, RanksAreUnmovedByMonotoneChangesOfScale) {
  ScalarDraws chains = autoregressive(0.3, 2, 500);
  const double before = bulk_ess(chains);
  for (std::vector<double>& chain : chains)
    for (double& value : chain) value = std::exp(value);
  EXPECT_DOUBLE_EQ(bulk_ess(chains), before);
}

TEST(Ess, SaysNothingOfFewConstantOrInfiniteDraws) {
  const double inf = HUGE_VAL;
  for (const ScalarDraws& chains : {ScalarDraws{}, ScalarDraws{{1, 2, 3, 4, 5}}, ScalarDraws{{2, 2, 2, 2, 2, 2, 2, 2}},
                                    ScalarDraws{{1, 2, 3, inf, 5, 6, 7, 8}}}) {
    EXPECT_TRUE(std::isnan(split_ess(chains)) && std::isnan(bulk_ess(chains)) && std::isnan(tail_ess(chains)));
    EXPECT_EQ(std::isnan(rank_rhat(chains)), chains.empty() || chains[0].size() > 5);
  }
}

TEST(SplitChains, LeaveTheMiddleOfAnOddNumberOut) {
  EXPECT_EQ(split_chains({{1, 2, 3, 4, 5}}), (ScalarDraws{{1, 2}, {4, 5}}));
  EXPECT_EQ(split_chains({{1, 2, 3, 4}}), (ScalarDraws{{1, 2}, {3, 4}}));
}

TEST(Ranks, OfEqualDrawsAreTheirMean) {
  const ScalarDraws scores = rank_normalised({{3, 1}, {3, 7}});
  EXPECT_EQ(scores[0][0], scores[1][0]);
  EXPECT_NEAR(scores[0][0], 0, 1e-12);
  EXPECT_NEAR(scores[0][1], -scores[1][1], 1e-12);
}

}  // namespace
}  // namespace cleave
