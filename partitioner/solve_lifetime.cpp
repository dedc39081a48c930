// Lifetime: the most frames until the first battery is empty. With period p, a device that computes for t of it takes
// P_c·t + P_idle·(p - t) joules a frame, and one that is not in the plan P_standby·p (gacoin.md). For N frames no
// device may take more than its battery / N, which for a known p is a limit on each device's t: a question to Reach.
//
// Branch and bound over the period. For p within [a, b], the limits of p = a on batteries and of p = b on stages and
// links leave out no plan; where they allow none that lasts longer than the best so far, the interval is done with.
// Else the plan found is better, or its own period p' > a is where the interval is cut: it fits neither [a, p') nor
// [p', b]. Where the bound is far off, a target halfway to it is tried first.
#include <algorithm>
#include <cmath>

#include "partitioner/finder.h"

namespace cleave {

namespace {

constexpr double kBetter = 1 + 1e-13;  // by more than rounding

struct Interval {
  double least_s = 0, most_s = kInfinity;  // of the period
  double bound = kInfinity;                // no plan with such a period lasts longer
};

bool has_battery(const Problem& problem) {
  const auto on_battery = [](const auto& device) { return device.battery_j < kInfinity; };
  return std::any_of(problem.kinds.begin(), problem.kinds.end(), on_battery) ||
         std::any_of(problem.shares.begin(), problem.shares.end(), on_battery);
}

// Joules a frame may take for the battery to last `frames`.
double joules_each(double battery_j, double frames) { return frames < kInfinity ? battery_j / frames : 0; }

class LifetimeSearch {
 public:
  LifetimeSearch(const Problem& problem, const Goal& goal) : problem_(problem), goal_(goal), finder_(problem, goal) {}

  // `first`: the plan of the least period, a place to start from.
  Solution run(const Solution& first) {
    if (!first.stages.empty()) keep(first.stages);
    std::vector<Interval> open{{std::max(least_period(problem_, goal_), 1 / first.bound)}};
    while (!open.empty() && !finder_.is_over() && best_score_.frames < kInfinity) {
      const auto longest = std::max_element(open.begin(), open.end(),
                                            [](const Interval& a, const Interval& b) { return a.bound < b.bound; });
      const Interval interval = *longest;
      open.erase(longest);
      if (interval.bound > best_score_.frames * kBetter) branch(interval, open);
    }
    for (const Interval& interval : open) unproven_ = std::max(unproven_, interval.bound);
    return solution();
  }

 private:
  // Asks one question about the interval and puts what is left of it back.
  void branch(Interval interval, std::vector<Interval>& open) {
    const double best = best_score_.frames;
    const double target = target_within(interval);
    const Found found = within(interval, target);
    if (found.stages.empty() && found.unknown) {
      unproven_ = std::max(unproven_, interval.bound);
      return;
    }
    if (found.stages.empty()) {
      interval.bound = std::min(interval.bound, target);
      if (interval.bound > best * kBetter) open.push_back(interval);
      return;
    }
    keep(found.stages);
    if (best_score_.frames > best) {
      open.push_back(interval);
      return;
    }
    const double cut = evaluate(problem_, found.stages, goal_.period_s).period_s;
    if (cut <= interval.least_s || cut > interval.most_s) {  // not reached: such a plan would be better
      unproven_ = std::max(unproven_, interval.bound);
      return;
    }
    const double below = std::nextafter(cut, 0.0);
    const double middle = std::sqrt(interval.least_s * below);
    open.push_back({cut, interval.most_s, interval.bound});
    if (interval.least_s < middle && middle < below && below > interval.least_s * (1 + 1e-6)) {
      open.push_back({interval.least_s, middle, interval.bound});
      open.push_back({middle, below, interval.bound});
    } else {
      open.push_back({interval.least_s, below, interval.bound});
    }
  }

  // Something between the best so far and the bound: halfway while they are far apart.
  double target_within(const Interval& interval) const {
    const double least = best_score_.frames * kBetter;
    if (!(best_score_.frames > 0)) return std::numeric_limits<double>::min();
    if (interval.bound == kInfinity) return best_.empty() ? least : 2 * least;
    if (interval.bound < least * (1 + 1e-6)) return least;
    return std::sqrt(least * interval.bound);
  }

  // A plan with at most that period which would last so many frames if its period were the least.
  Found within(const Interval& interval, double frames) {
    StageLimits limits = uniform_limits(problem_, interval.most_s);
    limits.least_compute_s.assign(problem_.kinds.size(), 0);
    limits.least_used.assign(problem_.kinds.size(), 0);
    for (const Share& share : problem_.shares) {
      const double joules = share.compute_w * share.compute_s + share.idle_w * (interval.least_s - share.compute_s);
      if (joules > joules_each(share.battery_j, frames)) return {};
    }
    for (std::size_t k = 0; k < problem_.kinds.size(); ++k) {
      const DeviceKind& kind = problem_.kinds[k];
      if (kind.battery_j == kInfinity) continue;
      const double joules = joules_each(kind.battery_j, frames);
      const double left = joules - kind.idle_w * interval.least_s;  // for computing
      const double more_w = kind.compute_w - kind.idle_w;
      if (more_w > 0) limits.compute_s[k] = std::min(limits.compute_s[k], left / more_w);
      else if (more_w < 0) limits.least_compute_s[k] = std::max(0.0, left / more_w);
      else if (left < 0) limits.compute_s[k] = -1;
      if (kind.standby_w * interval.least_s > joules) limits.least_used[k] = kind.count();
    }
    return finder_.find(limits);
  }

  void keep(const Stages& stages) {
    const Score score = evaluate(problem_, stages, goal_.period_s);
    if (!best_.empty() && score.frames <= best_score_.frames) return;
    best_ = stages;
    best_score_ = score;
  }

  Solution solution() const {
    Solution made;
    made.stages = best_;
    made.score = best_score_;
    made.value = best_.empty() ? 0 : best_score_.frames;
    made.bound = std::max(made.value, unproven_);
    made.optimal = made.bound <= made.value * kBetter;
    return made;
  }

  const Problem& problem_;
  const Goal& goal_;
  Finder finder_;
  Stages best_;
  Score best_score_;
  double unproven_ = 0;  // some plan may last so long
};

}  // namespace

Solution solve_lifetime(const Problem& problem, const Goal& goal) {
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  Solution fastest = solve_throughput(problem, goal);
  if (has_battery(problem) && (!fastest.stages.empty() || !fastest.optimal)) {
    Goal rest = goal;
    rest.time_limit_s -= std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return LifetimeSearch(problem, rest).run(fastest);
  }
  if (!fastest.stages.empty()) fastest.value = fastest.bound = fastest.score.frames;
  return fastest;
}

}  // namespace cleave
