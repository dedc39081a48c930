// Published figures for published draws: tests/data/diagnostics/README.md says where both are from.
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/mcmc/diagnostics.h"

namespace cleave {
namespace {

ScalarDraws thetas() {
  std::ifstream file(CLEAVE_SOURCE_DIR "/tests/data/diagnostics/bernoulli_theta.csv");
  ScalarDraws chains(4);
  std::string line;
  for (std::getline(file, line); std::getline(file, line);) {
    std::istringstream cells(line);
    for (std::vector<double>& chain : chains) {
      std::string cell;
      std::getline(cells, cell, ',');
      chain.push_back(std::stod(cell));
    }
  }
  return chains;
}

// log p of two heads in ten tosses under a uniform prior, with the logarithm of the logit's derivative; to six
// digits, as CmdStan writes it.
ScalarDraws log_densities() {
  ScalarDraws chains = thetas();
  for (std::vector<double>& chain : chains)
    for (double& value : chain) value = std::stod(fmt::format("{:.6g}", 3 * std::log(value) + 9 * std::log1p(-value)));
  return chains;
}

TEST(ReferenceDraws, AreFourThousandWithThePublishedMean) {
  double sum = 0;
  for (const std::vector<double>& chain : thetas()) {
    ASSERT_EQ(chain.size(), 1000u);
    for (const double value : chain) sum += value;
  }
  EXPECT_NEAR(sum / 4000, 0.251297410482, 1e-9);
}

TEST(ReferenceDraws, HaveTheEssThatStansummaryPrints) {
  EXPECT_NEAR(effective_draws(thetas()), 1377.5030282, 0.01);
  EXPECT_NEAR(effective_draws(log_densities()), 1335.41366787, 0.01);
}

TEST(ReferenceDraws, HaveTheRhatThatStansummaryPrints) {
  EXPECT_NEAR(split_rhat(thetas()), 1.00721797217, 1e-6);
  EXPECT_NEAR(split_rhat(log_densities()), 1.00035489482, 1e-6);
  EXPECT_NEAR(rhat(thetas()), 1.0029197, 1e-6);
  EXPECT_NEAR(rhat(log_densities()), 1.0001296, 1e-6);
}

TEST(ReferenceDraws, HaveTheBulkAndTailEssThatPosteriorGives) {
  EXPECT_NEAR(bulk_ess(thetas()), 1407.5124, 0.01);
  EXPECT_NEAR(tail_ess(thetas()), 1291.7131, 0.01);
  EXPECT_NEAR(bulk_ess(log_densities()), 1512.7684, 0.1);
  EXPECT_NEAR(tail_ess(log_densities()), 1591.9707, 0.1);
}

TEST(ReferenceDraws, HaveTheRankNormalisedRhatThatPosteriorGives) {
  EXPECT_NEAR(rank_rhat(thetas()), 1.0067897, 1e-6);
  EXPECT_NEAR(rank_rhat(log_densities()), 1.0007301, 1e-5);
}

}  // namespace
}  // namespace cleave
