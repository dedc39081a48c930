// Effective draws: n·m / τ, where τ = -1 + 2·Σ P_t sums autocorrelations in pairs P_t = ρ(2t) + ρ(2t+1) as long as they
// are positive (Geyer 1992), each no larger than the one before. ρ compares variances within and between chains, so
// chains that disagree count as few draws. Written after section 3.2 and appendix of Vehtari et al. 2021.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "engine/mcmc/diagnostics.h"

namespace cleave {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// The autocorrelation of all chains together, by lag (eq. 10).
struct Autocorrelation {
  std::vector<double> covariance;  // mean over chains, by lag
  double within = 0;               // mean variance of a chain
  double total = 0;                // var+, eq. 3

  double at(std::size_t lag) const { return 1 - (within - covariance[lag]) / total; }
};

Autocorrelation autocorrelation(const ScalarDraws& chains) {
  const std::size_t draws = chains.front().size();
  const auto n = static_cast<double>(draws), m = static_cast<double>(chains.size());
  Autocorrelation result{std::vector<double>(draws), 0, 0};
  std::vector<double> means;
  double grand_mean = 0;
  for (const std::vector<double>& chain : chains) {
    const std::vector<double> covariance = autocovariance(chain);
    for (std::size_t lag = 0; lag < draws; ++lag) result.covariance[lag] += covariance[lag] / m;
    double sum = 0;
    for (const double value : chain) sum += value;
    means.push_back(sum / n);
    grand_mean += sum / n / m;
  }
  result.within = result.covariance[0] * n / (n - 1);
  result.total = result.covariance[0];
  for (const double mean : means)
    if (chains.size() > 1) result.total += (mean - grand_mean) * (mean - grand_mean) / (m - 1);
  return result;
}

bool is_usable(const ScalarDraws& chains) {
  if (chains.empty() || chains.front().size() < 4) return false;
  bool varies = false;
  for (const std::vector<double>& chain : chains)
    for (const double value : chain) {
      if (!std::isfinite(value)) return false;
      varies = varies || value != chains[0][0];
    }
  return varies;
}

// τ from ρ up to `last`, the first lag of the last pair (eq. 13); ρ(last) alone closes an antithetic sequence.
double tau_of(std::vector<double>& rho, std::size_t last) {
  for (std::size_t t = 2; t + 2 <= last; t += 2) {
    const double before = rho[t - 2] + rho[t - 1];
    if (rho[t] + rho[t + 1] > before) rho[t] = rho[t + 1] = before / 2;
  }
  double tau = -1 + rho[last];
  for (std::size_t t = 0; t < last; ++t) tau += 2 * rho[t];
  return tau;
}

ScalarDraws at_most(const ScalarDraws& chains, double limit) {
  ScalarDraws result = chains;
  for (std::vector<double>& chain : result)
    for (double& value : chain) value = value <= limit ? 1 : 0;
  return result;
}

}  // namespace

double effective_draws(const ScalarDraws& chains) {
  if (!is_usable(chains)) return kNone;
  const std::size_t draws = chains.front().size();
  const Autocorrelation correlation = autocorrelation(chains);
  std::vector<double> rho(draws, 0.0);
  double even = rho[0] = 1, odd = rho[1] = correlation.at(1);
  std::size_t t = 0;
  while (t + 5 < draws && even + odd > 0) {
    t += 2;
    even = correlation.at(t);
    odd = correlation.at(t + 1);
    if (even + odd >= 0) {
      rho[t] = even;
      rho[t + 1] = odd;
    }
  }
  if (even > 0) rho[t] = even;
  const double all = static_cast<double>(chains.size() * draws);
  // Never more than all · log10(all): beyond that τ is noise.
  return all / std::max(tau_of(rho, t), 1 / std::log10(all));
}

double split_ess(const ScalarDraws& chains) { return effective_draws(split_chains(chains)); }

double bulk_ess(const ScalarDraws& chains) { return effective_draws(rank_normalised(split_chains(chains))); }

double tail_ess(const ScalarDraws& chains) {
  if (!is_usable(chains)) return kNone;
  const double low = split_ess(at_most(chains, quantile(chains, 0.05)));
  const double high = split_ess(at_most(chains, quantile(chains, 0.95)));
  return std::isnan(low) || std::isnan(high) ? kNone : std::min(low, high);
}

}  // namespace cleave
