#include "engine/mcmc/priors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>
#include <boost/math/quadrature/gauss_kronrod.hpp>

#include "engine/mcmc/layer_plan.h"
#include "ops/core/catalog.h"

namespace cleave {
namespace {

// The mass of a law between two weights. Laws may have corners at their default bounds and at zero.
double mass(const PriorDef& prior, const Params& params, double from, double to) {
  using Quadrature = boost::math::quadrature::gauss_kronrod<double, 31>;
  const auto density = [&](double w) { return std::exp(log_density(prior, params, w)); };
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

bool is_proper_on_reals(const PriorDef& prior) { return prior.runs() && prior.on_reals && prior.draw != nullptr; }

TEST(Priors, DensitiesOnRealsIntegrateToOne) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const PriorDef& prior : prior_catalog())
    if (is_proper_on_reals(prior)) {
      EXPECT_NEAR(mass(prior, with_fallbacks({}, prior.fields), -infinity, infinity), 1.0, 1e-5) << prior.name;
    }
}

TEST(Priors, ProbabilitiesOnGridsSumToOne) {
  for (const PriorDef& prior : prior_catalog())
    if (prior.runs() && !prior.on_reals) {
      const Params params = with_fallbacks({}, prior.fields);
      const double sum = std::exp(log_density(prior, params, -1)) + std::exp(log_density(prior, params, 1));
      EXPECT_NEAR(sum, 1.0, 1e-12) << prior.name;
    }
}

// Kolmogorov distance at 40 of the draws; 1.63/sqrt(n) is exceeded by chance once in a hundred.
TEST(Priors, DrawsFollowTheDensity) {
  constexpr std::size_t kDraws = 20000;
  for (const PriorDef& prior : prior_catalog()) {
    if (!is_proper_on_reals(prior)) continue;
    const Params params = with_fallbacks({}, prior.fields);
    Rng rng(17, kTestStream, 0);
    std::vector<double> draws(kDraws);
    for (double& draw : draws) draw = prior.draw(params, WeightType::Grid::real, rng);
    std::sort(draws.begin(), draws.end());
    for (std::size_t i = 250; i < kDraws; i += 500)
      EXPECT_NEAR(mass(prior, params, -std::numeric_limits<double>::infinity(), draws[i]),
                  static_cast<double>(i) / kDraws, 1.63 / std::sqrt(kDraws))
          << prior.name;
  }
}

TEST(Priors, DrawsOnGridsHaveTheirProbability) {
  Params params;
  params.set("p", 0.3);
  const PriorDef& bernoulli = *find(prior_catalog(), "bernoulli");
  Rng rng(3, kTestStream, 0);
  int upper = 0;
  for (int i = 0; i < 40000; ++i) {
    const double w = bernoulli.draw(params, WeightType::Grid::sign, rng);
    EXPECT_TRUE(w == 1.0 || w == -1.0);
    upper += w > 0 ? 1 : 0;
  }
  EXPECT_NEAR(upper / 40000.0, 0.3, 0.01);
}

TEST(Priors, StudentWithOneDegreeIsCauchy) {
  Params params;
  params.set("df", 1.0);
  params.set("scale", 0.03);
  const double cauchy = std::log(0.03 / M_PI / (0.03 * 0.03 + 0.5 * 0.5));
  EXPECT_NEAR(log_density(*find(prior_catalog(), "student_t"), params, 0.5), cauchy, 1e-9);
}

TEST(Priors, AUniformPriorNeedsLowBelowHigh) {
  const PriorDef& uniform = *find(prior_catalog(), "uniform");
  Params params;
  params.set("low", 2.0);
  params.set("high", 1.0);
  EXPECT_EQ(uniform.check(params), "low (2) must be below high (1)");
}

TEST(Priors, TheLanguageSeesEveryRow) {
  const std::vector<LawDef> laws = prior_laws();
  ASSERT_EQ(laws.size(), prior_catalog().size());
  for (std::size_t i = 0; i < laws.size(); ++i) EXPECT_EQ(laws[i].runs, prior_catalog()[i].runs()) << laws[i].name;
}

}  // namespace
}  // namespace cleave
