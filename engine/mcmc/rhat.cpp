// R-hat: the spread of all chains together over the spread within one. Halves of a chain that drifts disagree as two
// chains do; ranks in place of values make it hold for heavy tails, folding makes it see chains of unequal width.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include <boost/math/distributions/normal.hpp>

#include "engine/mcmc/diagnostics.h"

namespace cleave {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::vector<double> flat(const ScalarDraws& chains) {
  std::vector<double> all;
  for (const std::vector<double>& chain : chains) all.insert(all.end(), chain.begin(), chain.end());
  return all;
}

// The same numbers cut up like `chains`.
ScalarDraws shaped(const std::vector<double>& all, const ScalarDraws& chains) {
  ScalarDraws result;
  auto next = all.begin();
  for (const std::vector<double>& chain : chains) {
    result.emplace_back(next, next + static_cast<std::ptrdiff_t>(chain.size()));
    next += static_cast<std::ptrdiff_t>(chain.size());
  }
  return result;
}

bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

}  // namespace

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double variance_of(const std::vector<double>& values) {
  const double mean = mean_of(values);
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / static_cast<double>(values.size() - 1);
}

ScalarDraws split_chains(const ScalarDraws& chains) {
  ScalarDraws halves;
  for (const std::vector<double>& chain : chains) {
    const auto half = static_cast<std::ptrdiff_t>(chain.size() / 2);
    halves.emplace_back(chain.begin(), chain.begin() + half);
    halves.emplace_back(chain.end() - half, chain.end());
  }
  return halves;
}

ScalarDraws rank_normalised(const ScalarDraws& chains) {
  const std::vector<double> all = flat(chains);
  if (!all_finite(all)) return chains;  // they have no ranks; what follows says NaN
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return all[a] < all[b]; });
  const boost::math::normal_distribution<double> normal;
  std::vector<double> scores(all.size());
  for (std::size_t first = 0, end = 0; first < order.size(); first = end) {
    while (end < order.size() && all[order[end]] == all[order[first]]) ++end;
    const double rank = static_cast<double>(first + 1 + end) / 2;
    const double score = boost::math::quantile(normal, (rank - 0.375) / (static_cast<double>(all.size()) + 0.25));
    for (std::size_t i = first; i < end; ++i) scores[order[i]] = score;
  }
  return shaped(scores, chains);
}

double quantile(const ScalarDraws& chains, double probability) {
  std::vector<double> all = flat(chains);
  if (all.empty() || !all_finite(all)) return kNone;
  std::sort(all.begin(), all.end());
  const double place = probability * static_cast<double>(all.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, all.size() - 1);
  return all[below] + (place - static_cast<double>(below)) * (all[above] - all[below]);
}

ScalarDraws folded(const ScalarDraws& chains) {
  const double median = quantile(chains, 0.5);
  ScalarDraws result = chains;
  for (std::vector<double>& chain : result)
    for (double& value : chain) value = std::abs(value - median);
  return result;
}

double rhat(const ScalarDraws& chains) {
  if (chains.size() < 2 || chains.front().size() < 2 || !all_finite(flat(chains))) return kNone;
  std::vector<double> means, variances;
  for (const std::vector<double>& chain : chains) {
    means.push_back(mean_of(chain));
    variances.push_back(variance_of(chain));
  }
  const auto n = static_cast<double>(chains.front().size());
  const double within = mean_of(variances), between = n * variance_of(means);
  return within > 0 || between > 0 ? std::sqrt((between / within + n - 1) / n) : kNone;
}

double split_rhat(const ScalarDraws& chains) { return rhat(split_chains(chains)); }

double rank_rhat(const ScalarDraws& chains) {
  const ScalarDraws halves = split_chains(chains);
  const double bulk = rhat(rank_normalised(halves));
  const double tail = rhat(rank_normalised(folded(halves)));
  return std::isnan(bulk) || std::isnan(tail) ? kNone : std::max(bulk, tail);
}

}  // namespace cleave
