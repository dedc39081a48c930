// Every proposal under every prior on every weight type that takes them, and every selector: the chain over a unit of
// three weights must spend its time as exp(-λ·loss)·prior says (enumerated on a grid; by quadrature, spikes counted as
// points, for real weights), and cross between any two states as often one way as the other.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <boost/math/quadrature/gauss.hpp>

#include "engine/mcmc/step.h"
#include "engine/mcmc/weight_blocks.h"
#include "ops/core/catalog.h"
#include "tests/support/any_law.h"
#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

constexpr double kLambda = 0.7;
constexpr double kWidth = 1.5;  // of every walk
constexpr std::int64_t kSteps = 400000;
using Three = std::array<float, 3>;
using Counts = std::map<std::size_t, double>;  // by state

// Two answers and a pull to zero, so that a flat prior has a posterior.
double loss_of(const Three& w) {
  const double a = w[0] - 0.5 * w[1] + 0.8 * w[2];
  const double b = 0.6 * w[0] + w[1] - 0.4 * w[2] - 0.5;
  const double pull = 0.2 * (w[0] * w[0] + w[1] * w[1] + w[2] * w[2]);
  return std::log1p(std::exp(-a)) + 1.5 * std::log1p(std::exp(b)) + pull;
}

// One unit of three inputs under these laws; `plans` is empty where they do not go together.
struct Unit {
  Unit(const WeightType& type, const Law& prior, const Law& proposal, const Law& select) {
    graph = layer_graph({3}, {{{}, {{"dense", 1, type, {prior, proposal, select}}}}});
    Node& node = graph.nodes[1];
    node.params.set("bias", false);
    node.weights = node.op->weights(node.params, input_types(graph, node), type);
    try {
      plans = plan_module(graph, ModuleId{0});
    } catch (const UserError&) {
      return;
    }
    name = to_text(type) + " " + prior.name + " " + proposal.name + " " + select.name;
    ends = block_ends_of(node.weights[0], block_of(group().prior));
  }

  const WeightGroup& group() const { return plans[0].groups[0]; }
  const WeightGrid& grid() const { return group().prior.grid; }
  // The levels of the three weights; of real ones below, at and above zero.
  std::size_t state(const Three& w) const {
    std::size_t number = 0;
    for (const float x : w)
      number = 64 * number + static_cast<std::size_t>(grid().is_real() ? (x > 0) - (x < 0) + 1 : grid().nearest(x));
    return number;
  }
  double density(const Three& w) const { return std::exp(group_log_shape(group(), w, ends) - kLambda * loss_of(w)); }

  Graph graph;
  std::vector<LayerPlan> plans;
  std::vector<std::size_t> ends;
  std::string name;
};

// The places one weight can be in, each with its measure: levels; or the nodes of two quadratures, up to 1 and beyond,
// and zero where there is a spike.
std::vector<std::pair<double, double>> places(const Unit& unit) {
  std::vector<std::pair<double, double>> all;
  for (std::int64_t level = 0; level < unit.grid().levels; ++level) all.emplace_back(unit.grid().value(level), 1);
  if (!unit.grid().is_real()) return all;
  using Rule = boost::math::quadrature::gauss<double, 10>;
  for (std::size_t i = 0; i < Rule::abscissa().size(); ++i)
    for (const double side : {-1.0, 1.0})
      for (const double sign : {-1.0, 1.0}) {
        const double t = 0.5 * (1 + side * Rule::abscissa()[i]);
        all.emplace_back(sign * t, 0.5 * Rule::weights()[i]);
        all.emplace_back(sign / t, 0.5 * Rule::weights()[i] / (t * t));
      }
  if (unit.group().prior.has_spike()) all.emplace_back(0, 1);
  return all;
}

// A block partly zero has measure zero.
bool counts(const Unit& unit, const Three& w) {
  std::size_t begin = 0;
  for (const std::size_t end : unit.ends) {
    const auto zeros =
        std::count(w.begin() + static_cast<std::ptrdiff_t>(begin), w.begin() + static_cast<std::ptrdiff_t>(end), 0.0F);
    if (unit.grid().is_real() && zeros != 0 && zeros != static_cast<std::ptrdiff_t>(end - begin)) return false;
    begin = end;
  }
  return true;
}

Counts exact_shares(const Unit& unit) {
  Counts mass;
  double total = 0;
  const std::vector<std::pair<double, double>> all = places(unit);
  for (const auto& [a, of_a] : all)
    for (const auto& [b, of_b] : all)
      for (const auto& [c, of_c] : all) {
        const Three w = {static_cast<float>(a), static_cast<float>(b), static_cast<float>(c)};
        const double share = counts(unit, w) ? of_a * of_b * of_c * unit.density(w) : 0;
        mass[unit.state(w)] += share;
        total += share;
      }
  for (auto& [state, share] : mass) share /= total;
  return mass;
}

struct LongRun {
  Counts shares;
  std::map<std::pair<std::size_t, std::size_t>, double> crossings;
};

LongRun long_run(const Unit& unit) {
  LongRun run;
  Weights weights = initial_weights(unit.graph, 1);
  std::vector<float>& w = weights[1].arrays[0];
  const auto now = [&] { return Three{w[0], w[1], w[2]}; };
  if (unit.grid().is_real()) w = {0.5F, 0.25F, -0.5F};
  for (std::int64_t i = 0; i < kSteps; ++i) {
    Rng rng(31, kTestStream, static_cast<std::uint64_t>(i));
    const Suggestion suggestion = suggest(unit.plans, {.lambda = kLambda}, weights, unit.graph, rng);
    const Three old = now();
    for (const Move& move : suggestion.moves) w[static_cast<std::size_t>(move.index)] = move.value;
    const double change = loss_of(now()) - loss_of(old);
    if (!(std::log(rng.uniform()) <
          log_acceptance_ratio(kLambda, change, suggestion.log_prior_change, suggestion.log_q_ratio)))
      w.assign(old.begin(), old.end());
    run.shares[unit.state(now())] += 1.0 / static_cast<double>(kSteps);
    if (unit.state(old) != unit.state(now())) ++run.crossings[{unit.state(old), unit.state(now())}];
  }
  return run;
}

void expect_reversible(const Unit& unit) {
  const Counts exact = exact_shares(unit);
  LongRun run = long_run(unit);
  double variation = 0;
  for (const auto& [state, share] : exact) {
    variation += 0.5 * std::abs(run.shares[state] - share);
    EXPECT_TRUE(run.shares[state] > 0 || share * kSteps < 200) << unit.name << " never reaches state " << state;
  }
  for (const auto& [state, share] : run.shares)
    EXPECT_TRUE(exact.contains(state) || share < 1e-4) << unit.name << " is where it cannot be: " << state;
  EXPECT_LT(variation, 0.02) << unit.name;
  for (const auto& [way, there] : run.crossings) {
    const auto back = run.crossings.find({way.second, way.first});
    const double other = back == run.crossings.end() ? 0 : back->second;
    EXPECT_LT(std::abs(there - other), 5 * std::sqrt(there + other) + 5) << unit.name;
  }
}

Law any_law(const PriorDef& def) { return {def.name, any_params(def.fields)}; }
Law any_law(const SelectorDef& def) { return {def.name, any_params(def.fields)}; }
Law any_law(const ProposalDef& def) {
  Law law{def.name, any_params(def.fields)};
  if (def.width != nullptr) law.params.set(def.width, kWidth);
  return law;
}

// Returns how many pairs of a prior and a proposal go together on this type, having looked at each.
int expect_all_reversible(const WeightType& type, const Law& select) {
  int pairs = 0;
  for (const PriorDef& prior : prior_catalog())
    for (const ProposalDef& proposal : proposal_catalog()) {
      const WeightGrid grid = kernel_grid(type, {1, 3});
      if (!can_govern(prior, grid) || !is_for(proposal, grid)) continue;
      const Unit unit(type, any_law(prior), any_law(proposal), select);
      if (unit.plans.empty()) continue;
      expect_reversible(unit);
      ++pairs;
    }
  return pairs;
}

TEST(Reversibility, OfAllLawsOnRealWeights) {
  EXPECT_GE(expect_all_reversible({}, law("uniform", "count", std::int64_t{1})), 23);
}

TEST(Reversibility, OfAllLawsOnSigns) {
  EXPECT_GE(
      expect_all_reversible({.grid = WeightType::Grid::sign, .bits = 1}, law("uniform", "count", std::int64_t{1})), 6);
}

TEST(Reversibility, OfAllLawsOnBits) {
  EXPECT_GE(expect_all_reversible({.grid = WeightType::Grid::bit, .bits = 1}, law("uniform", "count", std::int64_t{1})),
            6);
}

TEST(Reversibility, OfAllLawsOnTernaryWeights) {
  EXPECT_GE(
      expect_all_reversible({.grid = WeightType::Grid::ternary, .bits = 2}, law("uniform", "count", std::int64_t{1})),
      30);
}

TEST(Reversibility, OfAllLawsOnQuantizedWeights) {
  EXPECT_GE(
      expect_all_reversible({.grid = WeightType::Grid::quantized, .bits = 2}, law("uniform", "count", std::int64_t{1})),
      20);
}

TEST(Reversibility, OfAllSelectorsOnRealWeights) {
  for (const SelectorDef& select : selector_catalog())
    if (select.runs())
      expect_reversible({{}, law("normal", "scale", 1.0), law("normal", "scale", 1.0), any_law(select)});
}

TEST(Reversibility, OfAllSelectorsUnderASpike) {
  for (const char* prior : {"spike_slab", "block_spike_slab"})
    for (const char* proposal : {"birth_death", "independent"})
      for (const SelectorDef& select : selector_catalog())
        if (select.runs())
          expect_reversible({{},
                             any_law(*find(prior_catalog(), prior)),
                             any_law(*find(proposal_catalog(), proposal)),
                             any_law(select)});
}

TEST(Reversibility, OfAllSelectorsOnAGrid) {
  for (const SelectorDef& select : selector_catalog())
    if (select.runs())
      expect_reversible({{.grid = WeightType::Grid::ternary, .bits = 2},
                         law("spike_slab", "p", 0.4),
                         {"resample", {}},
                         any_law(select)});
}

TEST(Reversibility, OfBirthsFromANormal) {
  Law proposal = any_law(*find(proposal_catalog(), "birth_death"));
  proposal.params.set("birth", 0.5);
  proposal.params.set("walk", 0.2);
  for (const char* prior : {"spike_slab", "block_spike_slab"})
    expect_reversible({{}, any_law(*find(prior_catalog(), prior)), proposal, {"layer", {}}});
}

TEST(Reversibility, OfFlipsWithAProbability) {
  for (const SelectorDef& select : selector_catalog())
    if (select.runs())
      expect_reversible({{.grid = WeightType::Grid::sign, .bits = 1},
                         law("bernoulli", "p", 0.3),
                         law("flip", "probability", 0.4),
                         any_law(select)});
}

}  // namespace
}  // namespace cleave
