// Diagnostics of Markov chains: how many independent draws a sample is worth, and whether chains agree.
//
// Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021, "Rank-normalization, folding, and localization: an improved R-hat
// for assessing convergence of MCMC", Bayesian Analysis 16(2); the same numbers as the R package posterior and
// CmdStan's stansummary give for the same draws.
#pragma once

#include <vector>

namespace cleave {

// A scalar's draws, [chain][draw]; all chains equally long.
using ScalarDraws = std::vector<std::vector<double>>;

// All figures are NaN where they mean nothing: fewer than four draws a chain (or half chain), all draws equal, a draw
// that is not finite.

// Of one series; the variance is the unbiased one (divided by n - 1) and wants two values.
double mean_of(const std::vector<double>& values);
double variance_of(const std::vector<double>& values);

// Each chain as two, its halves; the middle draw of an odd number is left out.
ScalarDraws split_chains(const ScalarDraws& chains);
// Normal scores of the ranks among all draws, ties by their mean rank (eq. 14, Blom's fractions).
ScalarDraws rank_normalised(const ScalarDraws& chains);
// |draw - median of all draws|.
ScalarDraws folded(const ScalarDraws& chains);
// The quantile of all draws, interpolated (Hyndman and Fan's type 7). `probability` in 0 … 1; NaN without draws.
double quantile(const ScalarDraws& chains, double probability);

// The potential scale reduction of the chains as they are (eqs. 1-4); wants two of them.
double rhat(const ScalarDraws& chains);
// Of split chains: R_hat of stansummary up to 2.35.
double split_rhat(const ScalarDraws& chains);
// The larger of rank-normalised split R-hat and that of the folded draws.
double rank_rhat(const ScalarDraws& chains);

// Effective draws for the mean, of the chains as they are (eqs. 10-13): N_Eff of stansummary up to 2.35.
double effective_draws(const ScalarDraws& chains);
// Of split chains; of rank-normalised split chains; the smaller one for the 5 % and the 95 % quantile.
double split_ess(const ScalarDraws& chains);
double bulk_ess(const ScalarDraws& chains);
double tail_ess(const ScalarDraws& chains);

// Autocovariances of a series at lags 0, 1 …, each divided by the series' length. O(n log n).
std::vector<double> autocovariance(const std::vector<double>& series);

}  // namespace cleave
