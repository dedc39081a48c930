#include "partitioner/finder.h"

#include <algorithm>

#include "partitioner/fastest.h"

namespace cleave {

namespace {

constexpr double kCheapSteps = 1e6;  // some milliseconds
constexpr double kMostSteps = 1e10;

std::size_t at(std::ptrdiff_t index) { return static_cast<std::size_t>(index); }

}  // namespace

Finder::Finder(const Problem& problem, const Goal& goal)
    : problem_(problem), goal_(goal), deadline_(goal), coupled_(is_coupled(problem)), reach_(problem, goal) {}

bool Finder::keeps(const StageLimits& limits, const Stages& stages) const {
  const Score score = evaluate(problem_, stages);
  return is_latency_within(score.latency_s, goal_.latency_limit_s) && (!coupled_ || score.period_s <= limits.busy_s);
}

Found Finder::find(const StageLimits& limits) {
  Found found = reach_.find(limits, deadline_);
  if (found.stages.empty() || keeps(limits, found.stages)) return found;
  if (fastest_steps(problem_, goal_) > kMostSteps) return {{}, true};
  return fastest(problem_, limits, goal_, deadline_);
}

Stages Finder::tidy(const StageLimits& limits, const Stages& stages) const {
  if (stages.empty() || fastest_steps(problem_, goal_) > kCheapSteps) return stages;
  const Found found = fastest(problem_, limits, goal_, deadline_);
  return found.stages.empty() ? stages : found.stages;
}

bool Finder::widen() {
  if (reach_.is_exact()) return false;
  width_ *= 4;
  reach_.set_width(width_);
  return true;
}

std::vector<double> stage_times(const Problem& problem, double above_s, double below_s) {
  std::vector<double> times;
  const auto add = [&](double seconds) {
    if (above_s < seconds && seconds < below_s) times.push_back(seconds);
  };
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    const std::vector<double>& done = problem.done_s[k];
    int first = 1;
    for (int from = 0; from < problem.last(); ++from) {
      first = std::max(first, from + 1);
      if (problem.after.empty())
        while (first < problem.last() && done[at(first)] - done[at(from)] <= above_s) ++first;
      else first = from + 1;
      for (int to = first; to <= problem.last(); ++to) {
        const double seconds = done[at(to)] - done[at(from)];
        if (seconds >= below_s && problem.after.empty()) break;
        if (is_after(problem, from, to)) add(seconds);
      }
    }
    for (const auto& [ends, seconds] : problem.measured_s[k]) add(seconds);
  }
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  return times;
}

double least_period(const Problem& problem, const Goal& goal) {
  double entry = kInfinity, shares = goal.period_s;
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    double seconds = problem.entry_s[k];
    for (const Share& share : problem.shares) seconds = std::max(seconds, share.send_s[k]);
    entry = std::min(entry, seconds);
  }
  for (const Share& share : problem.shares) shares = std::max({shares, share.compute_s, share.receive_s});
  return std::max(entry, shares);
}

}  // namespace cleave
