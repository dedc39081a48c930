#include "engine/mcmc/priors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/quadrature/gauss_kronrod.hpp>

#include "engine/mcmc/spike_priors.h"
#include "ops/core/catalog.h"
#include "tests/support/any_law.h"
#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kChance = 1e-4;  // of a sound law failing, were the seed not fixed
const Shape kKernel = {3, 8};

PriorLaw any_prior(const PriorDef& def, const WeightGrid& grid = {}) {
  return make_prior(def, any_params(def.fields), grid);
}
PriorLaw spike(double p, const char* slab, double scale) {
  Params params;
  params.set("p", p);
  params.set(std::string("slab.") + slab + ".scale", scale);
  return make_prior(*find(prior_catalog(), "spike_slab"), params);
}

// Of being exactly zero.
double atom(const PriorLaw& law) { return law.has_spike() ? std::exp(log_density(law, 0)) : 0.0; }

// The mass of the density between two weights; that of a spike is not in it. Laws may have corners at their default
// bounds and at zero, where no node of the quadrature lies.
double mass(const PriorLaw& law, double from, double to) {
  using Quadrature = boost::math::quadrature::gauss_kronrod<double, 31>;
  const auto density = [&](double w) { return std::exp(log_density(law, w)); };
  double sum = 0;
  double low = from;
  for (const double corner : {-1.0, 0.0, 1.0, to}) {
    const double high = std::min(corner, to);
    if (high <= low) continue;
    sum += Quadrature::integrate(density, low, high, 12, 1e-9);
    low = high;
  }
  return sum;
}

std::vector<PriorLaw> proper_laws_on_reals() {
  std::vector<PriorLaw> laws;
  for (const PriorDef& prior : prior_catalog())
    if (is_for(prior, {}) && prior.draw != nullptr) laws.push_back(any_prior(prior));
  return laws;
}

std::vector<PriorLaw> laws_on_grids() {
  std::vector<PriorLaw> laws;
  for (const WeightType& type : grid_types())
    for (const PriorDef& prior : prior_catalog())
      if (const WeightGrid grid = kernel_grid(type, kKernel); can_govern(prior, grid))
        laws.push_back(any_prior(prior, grid));
  return laws;
}

TEST(Priors, DensitiesOnRealsIntegrateToOneWithTheSpike) {
  for (const PriorLaw& law : proper_laws_on_reals())
    EXPECT_NEAR(mass(law, -kInfinity, kInfinity) + atom(law), 1.0, 1e-5) << law.def->name;
}

TEST(Priors, ProbabilitiesOnGridsSumToOne) {
  for (const PriorLaw& law : laws_on_grids()) {
    double sum = 0;
    for (std::int64_t level = 0; level < law.grid.levels; ++level)
      sum += std::exp(log_density(law, law.grid.value(level)));
    EXPECT_NEAR(sum, 1.0, 1e-9) << law.def->name << " on " << to_text(law.grid);
  }
}

// Kolmogorov and Smirnov at 20 places of the draws that are not zero, and the share of those that are. A distance of
// sqrt(log(2/c)/2n) is exceeded with a chance of at most c (Massart 1990).
TEST(Priors, DrawsFollowTheDensity) {
  constexpr std::size_t kDraws = 20000;
  for (const PriorLaw& law : proper_laws_on_reals()) {
    Rng rng(17, kTestStream, 0);
    std::vector<float> draws(kDraws);
    for (float& draw : draws) draw_prior(law, {&draw, 1}, rng);
    const auto zeros = law.has_spike() ? std::erase(draws, 0.0F) : 0;
    const double bound = std::sqrt(std::log(2 / kChance) / (2 * kDraws));
    EXPECT_NEAR(static_cast<double>(zeros) / kDraws, atom(law), bound) << law.def->name;
    std::sort(draws.begin(), draws.end());
    const auto n = static_cast<double>(draws.size());
    for (std::size_t i = 250; i < draws.size(); i += 1000)
      EXPECT_NEAR(mass(law, -kInfinity, draws[i]) / (1 - atom(law)), static_cast<double>(i) / n,
                  bound * std::sqrt(kDraws / n))
          << law.def->name;
  }
}

TEST(Priors, DrawsOnGridsHaveTheirProbabilities) {
  constexpr double kDraws = 20000;
  for (const PriorLaw& law : laws_on_grids()) {
    Rng rng(3, kTestStream, 0);
    std::vector<float> draws(static_cast<std::size_t>(kDraws));
    draw_prior(law, draws, rng);
    double chi_squared = 0;
    for (std::int64_t level = 0; level < law.grid.levels; ++level) {
      const double expected = kDraws * std::exp(log_density(law, law.grid.value(level)));
      const auto seen = static_cast<double>(std::count(draws.begin(), draws.end(), law.grid.value(level)));
      EXPECT_TRUE(expected > 0 || seen == 0);
      if (expected > 0) chi_squared += (seen - expected) * (seen - expected) / expected;
    }
    const boost::math::chi_squared expected_law(static_cast<double>(law.grid.levels - 1));
    EXPECT_LT(chi_squared, quantile(complement(expected_law, kChance))) << law.def->name << " " << to_text(law.grid);
  }
}

TEST(Priors, BlocksAreZeroTogetherOrNotAtAll) {
  for (const PriorLaw& law : proper_laws_on_reals()) {
    if (law.def->block == nullptr) continue;
    Rng rng(5, kTestStream, 0);
    int zero = 0;
    for (int i = 0; i < 10000; ++i) {
      float block[3] = {1, 1, 1};
      draw_prior(law, block, rng);
      const auto zeros = std::count(block, block + 3, 0.0F);
      EXPECT_TRUE(zeros == 0 || zeros == 3);
      zero += zeros == 3 ? 1 : 0;
    }
    EXPECT_NEAR(zero / 10000.0, atom(law), 0.02);
  }
}

// A block of two with probability 1 - p at zero, else two draws from the slab.
TEST(Priors, TheDensityOfABlockIsThatOfItsSlabs) {
  const PriorLaw law = any_prior(*find(prior_catalog(), "block_spike_slab"));
  const std::array<float, 2> zero = {0, 0};
  const std::array<float, 2> alive = {0.5F, 0};
  const double slab = -0.5 * 0.25 - std::log(2 * M_PI);
  EXPECT_NEAR(law.def->log_shape(law, zero), std::log(0.5), 1e-12);
  EXPECT_NEAR(law.def->log_shape(law, alive), std::log(0.5) + slab, 1e-12);
}

TEST(Priors, TheSlabIsTheStatedOne) {
  EXPECT_NEAR(log_density(spike(0.2, "laplace", 3), 1.5), std::log(0.2 / 6) - 0.5, 1e-6);
  EXPECT_NEAR(log_density(spike(0.2, "laplace", 3), 0), std::log(0.8), 1e-12);
}

TEST(Priors, WithoutASpikeAZeroIsAValueLikeAnyOther) {
  EXPECT_NEAR(log_density(spike(1, "normal", 1), 0), -0.5 * std::log(2 * M_PI), 1e-9);
}

// Returns the message that making the prior ends in.
std::string refusal(const PriorDef& def, const Params& params, const WeightGrid& grid = {}) {
  try {
    make_prior(def, params, grid);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Priors, ASpikeNeedsAZeroOnTheGrid) {
  const PriorDef& def = *find(prior_catalog(), "spike_slab");
  const WeightGrid grid = kernel_grid({.grid = WeightType::Grid::quantized, .bits = 2}, kKernel);
  EXPECT_EQ(refusal(def, any_params(def.fields), grid),
            "needs weights that may be zero, these are one of 4 values from -2 to 2 in steps of 1.3");
}

TEST(Priors, TheSlabIsALawOfRealNumbersOneCanDrawFrom) {
  const PriorDef& def = *find(prior_catalog(), "spike_slab");
  for (const char* slab : {"flat", "bernoulli", "spike_slab"})
    EXPECT_NE(refusal(def, law("spike_slab", std::string("slab.") + slab, true).params).find(slab), std::string::npos);
}

TEST(Priors, ALawThatLeavesNoLevelIsRefused) {
  Params params;
  params.set("low", 0.1);
  params.set("high", 0.2);
  EXPECT_EQ(refusal(*find(prior_catalog(), "uniform"), params, {0, 1, 3}),
            "gives no weight that is -1, 0 or 1 a probability above zero");
}

TEST(Priors, StudentWithOneDegreeIsCauchy) {
  Params params;
  params.set("df", 1.0);
  params.set("scale", 0.03);
  const double cauchy = std::log(0.03 / M_PI / (0.03 * 0.03 + 0.5 * 0.5));
  EXPECT_NEAR(log_density(make_prior(*find(prior_catalog(), "student_t"), params), 0.5), cauchy, 1e-9);
}

TEST(Priors, AUniformPriorNeedsLowBelowHigh) {
  Params params;
  params.set("low", 2.0);
  params.set("high", 1.0);
  EXPECT_EQ(refusal(*find(prior_catalog(), "uniform"), params), "low (2) must be below high (1)");
}

TEST(Priors, TheLanguageSeesEveryRow) {
  const std::vector<LawDef> laws = prior_laws();
  ASSERT_EQ(laws.size(), prior_catalog().size());
  for (std::size_t i = 0; i < laws.size(); ++i) EXPECT_EQ(laws[i].runs, prior_catalog()[i].runs()) << laws[i].name;
}

}  // namespace
}  // namespace cleave
