// The chain's long-run distribution over a layer of four weights against exp(-λ·loss)·prior, computed by enumeration
// (weights of two values) or by quadrature over the 16 orthants (real weights).
#include <array>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>
#include <boost/math/quadrature/gauss.hpp>

#include "engine/mcmc/chain.h"
#include "ops/core/catalog.h"
#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

constexpr double kLambda = 0.7;
constexpr double kReach = 7;  // prior mass beyond: less than 1e-11
using Four = std::array<double, 4>;
using Distribution = std::array<double, 16>;

struct Sample {
  double x0, x1;
  std::int32_t label;
};
constexpr std::array<Sample, 3> kSamples = {{{1.0, -0.5, 0}, {0.3, 0.8, 1}, {-0.6, 1.2, 1}}};

// Two units, two inputs, no bias: w = {w00, w01, w10, w11}.
double loss_of(const Four& w) {
  double sum = 0;
  for (const Sample& s : kSamples) {
    const double other = (s.label == 0 ? 1.0 : -1.0) * ((w[2] - w[0]) * s.x0 + (w[3] - w[1]) * s.x1);
    sum += std::log1p(std::exp(other));
  }
  return sum;
}

Graph four_weights(const WeightType& type, const LearningRule& rule) {
  Graph graph = layer_graph({2}, {{{}, {{"dense", 2, type, rule}}}});
  Node& node = graph.nodes[1];
  node.params.set("bias", false);
  node.weights = node.op->weights(node.params, input_types(graph, node), type);
  return graph;
}

std::size_t orthant(const std::vector<float>& w) {
  std::size_t bin = 0;
  for (std::size_t i = 0; i < 4; ++i) bin |= w[i] > 0 ? std::size_t{1} << i : 0;
  return bin;
}

// Share of steps the chain spends in each orthant.
Distribution long_run(const Graph& graph, std::int64_t steps) {
  Tensor images(3, {2});
  std::vector<std::int32_t> labels;
  for (const Sample& s : kSamples) labels.push_back(s.label);
  for (std::size_t i = 0; i < 3; ++i) {
    images.data[2 * i] = static_cast<float>(kSamples[i].x0);
    images.data[2 * i + 1] = static_cast<float>(kSamples[i].x1);
  }
  BlockBatch batch;
  fill_batch(batch, static_cast<const Tensor&>(images).view(), labels, 16);
  Chain chain(graph, ModuleId{0}, *find(likelihood_catalog(), "cross_entropy"),
              {.lambda = kLambda, .seed = 29, .stream = kTestStream, .refresh_every = 5000});
  Weights weights = initial_weights(graph, 1);
  chain.set_batch(batch, weights);
  Distribution seen{};
  for (std::int64_t i = 0; i < steps; ++i) {
    chain.run(1);
    seen[orthant(weights[1].arrays[0])] += 1.0 / static_cast<double>(steps);
  }
  return seen;
}

Distribution normalised(Distribution mass) {
  double sum = 0;
  for (const double m : mass) sum += m;
  for (double& m : mass) m /= sum;
  return mass;
}

// exp(-λ·loss)·prior on the 16 corners {low, 1}^4.
Distribution enumerated(double low, double p) {
  Distribution mass{};
  for (std::size_t bin = 0; bin < 16; ++bin) {
    Four w{};
    double prior = 1;
    for (std::size_t i = 0; i < 4; ++i) {
      const bool upper = (bin >> i & 1U) != 0;
      w[i] = upper ? 1.0 : low;
      prior *= upper ? p : 1 - p;
    }
    mass[bin] = std::exp(-kLambda * loss_of(w)) * prior;
  }
  return normalised(mass);
}

// The mass of exp(-λ·loss)·normal(0, 1)^4 in each orthant, by Gauss-Legendre quadrature.
Distribution integrated() {
  using Rule = boost::math::quadrature::gauss<double, 16>;
  std::vector<double> place, weight;
  for (std::size_t i = 0; i < Rule::abscissa().size(); ++i)
    for (const double side : {-1.0, 1.0}) {
      place.push_back(0.5 * kReach * (1 + side * Rule::abscissa()[i]));
      weight.push_back(Rule::weights()[i] * std::exp(-0.5 * place.back() * place.back()));
    }
  Distribution mass{};
  const std::size_t n = place.size();
  for (std::size_t bin = 0; bin < 16; ++bin)
    for (std::size_t cell = 0; cell < n * n * n * n; ++cell) {
      const std::array<std::size_t, 4> at = {cell % n, cell / n % n, cell / (n * n) % n, cell / (n * n * n)};
      Four w{};
      double share = 1;
      for (std::size_t i = 0; i < 4; ++i) {
        w[i] = (bin >> i & 1U) != 0 ? place[at[i]] : -place[at[i]];
        share *= weight[at[i]];
      }
      mass[bin] += share * std::exp(-kLambda * loss_of(w));
    }
  return normalised(mass);
}

// The mass of each corner of {-1, 1}^4 when each unit has a scale, uniform between `low` and `high`.
Distribution integrated_over_scales(double low, double high) {
  const auto mass_of = [&](std::size_t bin, double s0, double s1) {
    const auto weight = [&](std::size_t i, double scale) { return (bin >> i & 1U) != 0 ? scale : -scale; };
    return std::exp(-kLambda * loss_of({weight(0, s0), weight(1, s0), weight(2, s1), weight(3, s1)}));
  };
  using Rule = boost::math::quadrature::gauss<double, 16>;
  Distribution mass{};
  for (std::size_t bin = 0; bin < 16; ++bin)
    mass[bin] = Rule::integrate(
        [&](double s0) { return Rule::integrate([&](double s1) { return mass_of(bin, s0, s1); }, low, high); }, low,
        high);
  return normalised(mass);
}

// The total variation between the two must be within one per cent.
void expect_same(const Distribution& seen, const Distribution& exact, const std::string& what) {
  double variation = 0;
  for (std::size_t bin = 0; bin < 16; ++bin) variation += 0.5 * std::abs(seen[bin] - exact[bin]);
  EXPECT_LT(variation, 0.01) << what;
}

LearningRule rule_with(Law proposal, Law prior, Law select) {
  return {std::move(prior), std::move(proposal), std::move(select)};
}

// Rows on their own are reversibility_test.cpp's: here the module's own evaluation takes part.
TEST(DetailedBalance, AWalkReachesTheTarget) {
  const Graph graph = four_weights({}, rule_with(law("normal", "scale", 1.5), law("normal", "scale", 1.0), {}));
  expect_same(long_run(graph, 2000000), integrated(), "normal");
}

TEST(DetailedBalance, AFlipReachesTheTarget) {
  const WeightType type{.grid = WeightType::Grid::sign, .bits = 1};
  const Graph graph = four_weights(type, rule_with({"flip", {}}, law("bernoulli", "p", 0.3), {}));
  expect_same(long_run(graph, 1000000), enumerated(-1, 0.3), "flip");
}

TEST(DetailedBalance, FlippingEachWithAProbabilityReachesTheTarget) {
  const WeightType type{.grid = WeightType::Grid::bit, .bits = 1};
  const LearningRule rule = rule_with(law("flip", "probability", 0.4), law("bernoulli", "p", 0.6), {"layer", {}});
  expect_same(long_run(four_weights(type, rule), 1000000), enumerated(0, 0.6), "flip with probability");
}

TEST(DetailedBalance, SignsWithScalesReachTheTarget) {
  Law prior = law("uniform", "low", 0.5);
  prior.params.set("high", 2.0);
  const Graph graph = four_weights(binary_scaled(), rule_with({}, prior, {}));
  expect_same(long_run(graph, 1500000), integrated_over_scales(0.5, 2), "flip and scale walk");
}

TEST(DetailedBalance, SelectorsReachTheSameTarget) {
  const Distribution exact = integrated();
  for (const Law& select : {Law{"one_unit", {}}, Law{"layer", {}}, law("uniform", "count", std::int64_t{3})}) {
    const LearningRule rule = rule_with(law("normal", "scale", 1.0), law("normal", "scale", 1.0), select);
    expect_same(long_run(four_weights({}, rule), 2000000), exact, select.name);
  }
}

}  // namespace
}  // namespace cleave
