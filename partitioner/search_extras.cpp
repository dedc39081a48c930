#include <algorithm>
#include <cmath>

#include "partitioner/search_bound.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// Latency weighs so much more than a device: a plan is late by a small share of its limit.
constexpr double kLatencyWeight = 10;

// How much more than allowed the run uses: of each kind, and (last) of the latency, as a share of what is allowed.
std::vector<double> excess_of(const Problem& problem, const Stages& run, double latency_s) {
  std::vector<double> excess;
  for (const DeviceKind& kind : problem.kinds) excess.push_back(-kind.count());
  double latency = run.empty() ? 0 : problem.entry_s[at(run.front().kind)];
  for (std::size_t i = 0; i < run.size(); ++i) {
    excess[at(run[i].kind)] += 1;
    latency += compute_s(problem, run[i]);
    if (i > 0) latency += transfer_s(problem, run[i - 1].kind, run[i].kind, run[i].from);
  }
  excess.push_back(latency_s < kInfinity ? kLatencyWeight * (latency / latency_s - 1) : 0);
  return excess;
}

// The tables for given extras: of each kind, and (last) of the latency. Nothing when the time is over.
Extras with_extras(const StageRows& rows, const Prices& prices, const Goal& goal, const Deadline& deadline,
                   double latency_s, const std::vector<double>& extra) {
  const Problem& problem = rows.problem;
  Extras extras;
  extras.latency = latency_s < kInfinity ? kLatencyWeight * extra.back() / latency_s : 0;
  extras.prices = with_latency(problem, prices, extras.latency);
  extras.refund = extras.latency > 0 ? extras.latency * latency_s : 0;
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    extras.prices.stage[k] += extra[k];
    extras.refund += extra[k] * problem.kinds[k].count();
  }
  if (!fill_to_go(rows, extras.prices, goal, deadline, extras.to_go)) return {};
  extras.device.assign(extra.begin(), extra.end() - 1);
  extras.bound = least_total(extras.prices, extras.to_go) - extras.refund;
  return extras;
}

// One step along the excess, turned away from the last direction where the two are at odds (Camerini, Fratta and
// Maffioli 1975), of the length Polyak gives for a bound that is `missing` too low. False: the run the excess is of
// keeps all limits and uses up what it pays for, so the bound cannot rise.
bool step(std::vector<double>& extra, std::vector<double> excess, double missing, std::vector<double>& direction) {
  constexpr double kTurn = 1.5;
  double square = 0, along = 0, last = 0;
  for (std::size_t i = 0; i < extra.size(); ++i) {
    if (extra[i] <= 0 && excess[i] < 0) excess[i] = 0;
    square += excess[i] * excess[i];
    along += excess[i] * direction[i];
    last += direction[i] * direction[i];
  }
  if (square == 0) return false;
  const double turn = along < 0 ? -kTurn * along / last : 0;
  double length = 0;
  for (std::size_t i = 0; i < extra.size(); ++i) {
    direction[i] = excess[i] + turn * direction[i];
    length += direction[i] * direction[i];
  }
  for (std::size_t i = 0; i < extra.size() && length > 0; ++i)
    extra[i] = std::max(0.0, extra[i] + missing / length * direction[i]);
  return length > 0;
}

}  // namespace

Extras raise_bound(const StageRows& rows, const Prices& prices, const Goal& goal, const Deadline& deadline,
                   double latency_s, double value) {
  constexpr double kMostSteps = 5e8;
  constexpr int kPatience = 6;
  constexpr double kEnough = 1 - 1e-9;
  const Problem& problem = rows.problem;
  std::vector<double> extra(problem.kinds.size() + 1), direction(extra.size());
  Extras best;
  best.bound = -kInfinity;
  double share = 1;
  int waited = 0;
  for (double spent = 0; spent < kMostSteps && share > 1e-3 && !deadline.over();) {
    Extras now = with_extras(rows, prices, goal, deadline, latency_s, extra);
    if (!now.any()) break;
    spent += rows.size() * now.to_go.layers + 1e6;
    const std::vector<double> excess = excess_of(problem, cheapest_run(rows, now.prices, now.to_go), latency_s);
    const double missing = (value < kInfinity ? value : now.bound + 0.1 * std::abs(now.bound)) - now.bound;
    if (now.bound > best.bound) {
      best = std::move(now);
      waited = 0;
    } else if (++waited == kPatience) {
      share /= 2;
      waited = 0;
    }
    if (best.bound >= value * kEnough || !step(extra, excess, share * missing, direction)) break;
  }
  return best;
}

}  // namespace cleave
