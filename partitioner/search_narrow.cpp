#include <utility>

#include "partitioner/search_core.h"

namespace cleave {

// Where a latency limit leaves the beam without a plan, that of the least latency is one. False: there is none.
bool Search::find_any() {
  constexpr std::size_t kMostLabels = 200000;
  if (goal_.latency_limit_s == kInfinity || what_ == Minimise::latency || !best_.stages.empty()) return true;
  Goal rest = goal_;
  rest.time_limit_s = deadline_.left_s() / 2;
  rest.latency_limit_s = kInfinity;  // it would only keep the beam from a first plan
  const Solution quickest = Search(problem_, Minimise::latency, rest, period_limit_s_, kMostLabels).run();
  if (!quickest.stages.empty()) consider(quickest.stages);
  return !best_.stages.empty() || !quickest.optimal || quickest.score.latency_s <= goal_.latency_limit_s;
}

void Search::improve_bound() {
  double latency_s = goal_.latency_limit_s - start_latency_s_;
  if (what_ == Minimise::latency || latency_s <= 0) latency_s = kInfinity;  // it has no price
  extras_ = raise_bound(rows_, prices_, goal_, deadline_, latency_s, best_.value - start_cost_);
  press_latency();
  if (extras_.any()) root_ = std::max(root_, extras_.bound + start_cost_);
}

// Plans that keep a latency limit are found where latency costs a little more than its price in the bound.
void Search::press_latency() {
  if (!extras_.any() || extras_.latency <= 0) return;
  Extras best = extras_;
  const double price = best.latency;
  for (const double factor : {1.0, 1.5, 2.5, 4.0, 8.0}) {
    if (deadline_.over()) break;
    const double latency = factor * price;
    const double value = best_.value - start_cost_ + latency * (best_.score.latency_s - start_latency_s_);
    extras_ = raise_bound(rows_, with_latency(problem_, prices_, latency), goal_, deadline_, kInfinity,
                          best_.stages.empty() ? kInfinity : value);
    if (!extras_.any()) break;
    const double refund = latency * (goal_.latency_limit_s - start_latency_s_);
    extras_.refund += refund;
    extras_.bound -= refund;
    extras_.latency = latency;
    if (extras_.bound > best.bound) best = extras_;
    beam(kWideBeam);
  }
  extras_ = std::move(best);
}

// Halves the gap again and again: a level that the devices cannot keep together raises the bound, a plan below it
// lowers the value, and where the beam finds none, that proves nothing.
void Search::narrow_period(std::size_t width) {
  constexpr int kRounds = 14;
  constexpr double kNarrow = 1e-3;
  double tried = root_;
  for (int round = 0; round < kRounds && !deadline_.over() && tried < best_.value * (1 - kNarrow); ++round) {
    if (best_.stages.empty() && tried <= 0) break;
    level_s_ = best_.stages.empty() ? 2 * tried : (tried + best_.value) / 2;
    capacities_ = Capacities(rows_, {level_s_});
    std::vector<Child> children;
    ceiling_ = level_s_;
    by_slack_ = true;
    starts(children);
    if (children.empty()) root_ = level_s_;
    else beam(width);
    ceiling_ = kInfinity;
    by_slack_ = false;
    if (best_.value >= level_s_) tried = level_s_;
  }
  set_levels();
}

void Search::set_levels() {
  if (best_.stages.empty()) capacities_ = Capacities(rows_, {kInfinity});
  else capacities_ = Capacities(rows_, levels_between(problem_, root_, best_.value));
  level_s_ = best_.value;
}

}  // namespace cleave
