// Throughput: the least period. The period of a plan is one of finitely many times: of a stage, a link, the way in.
// After bounds from what the devices could do at their fullest, those between them are bisected, each step a question
// to Reach; a plan's own period is the next upper bound. O(log(P²·K)) questions.
#include <algorithm>
#include <cmath>

#include "partitioner/fastest.h"
#include "partitioner/finder.h"
#include "partitioner/search.h"

namespace cleave {

namespace {

constexpr double kManySteps = 1e8;     // for one of some twenty questions
constexpr double kFewPeriods = 1.005;  // between a period and so much of it, few others are possible
constexpr double kAlike = 1 + 2e-13;   // times that differ by rounding only

Solution by_search(const Problem& problem, const Goal& goal) {
  Solution solution = search(problem, Minimise::period, goal);
  solution.value = solution.stages.empty() ? 0 : 1 / solution.score.period_s;
  solution.bound = solution.stages.empty() && solution.optimal ? 0 : 1 / solution.bound;
  return solution;
}

// All periods between the two that a plan might have, ascending.
std::vector<double> periods_between(const Problem& problem, double above_s, double below_s) {
  std::vector<double> periods = stage_times(problem, above_s, below_s);
  const auto add = [&](double seconds) {
    if (above_s < seconds && seconds < below_s) periods.push_back(seconds);
  };
  for (std::size_t a = 0; a < problem.kinds.size(); ++a) {
    add(problem.entry_s[a]);
    for (const Share& share : problem.shares) add(share.send_s[a]);
    for (std::size_t b = 0; b < problem.kinds.size(); ++b) {
      if (b > 0 && problem.links[a][b] == problem.links[a][b - 1]) continue;
      for (const double bytes : problem.sent_bytes) add(problem.links[a][b].seconds(bytes));
    }
  }
  std::sort(periods.begin(), periods.end());
  periods.erase(std::unique(periods.begin(), periods.end()), periods.end());
  return periods;
}

class Bisection {
 public:
  Bisection(const Problem& problem, const Goal& goal) : problem_(problem), goal_(goal), finder_(problem, goal) {}

  Solution run() {
    proven_s_ = assumed_s_ = least_period(problem_, goal_);
    if (!try_period(kInfinity)) return solution();
    if (best_s_ > assumed_s_ && !try_period(assumed_s_)) {
      raise_cheaply();
      do {
        assumed_s_ = proven_s_;
        close_in();
      } while (best_s_ > proven_s_ && !is_over() && finder_.widen());
    }
    best_ = finder_.tidy(uniform_limits(problem_, best_s_ * kAlike), best_);
    return solution();
  }

 private:
  // Looks for a plan of at most that period. Without one, the period is a lower bound: a proven one, or one to go on
  // with.
  bool try_period(double period_s) {
    const Found found = finder_.find(uniform_limits(problem_, period_s));
    if (!found.stages.empty()) {
      best_ = found.stages;
      best_s_ = evaluate(problem_, best_, goal_.period_s).period_s;
      return true;
    }
    assumed_s_ = period_s;
    if (!found.unknown) proven_s_ = period_s;
    return false;
  }

  // Moves the lower bound to where the devices, whatever their order, could just do all the work.
  void raise_cheaply() {
    double hopeless = proven_s_, other = best_s_;
    for (int i = 0; i < 60 && other > hopeless * (1 + 1e-4) && !is_over(); ++i) {
      const double middle = hopeless > 0 ? std::sqrt(hopeless * other) : other / 1024;
      if (finder_.is_hopeless(uniform_limits(problem_, middle))) hopeless = middle;
      else other = middle;
    }
    proven_s_ = std::max(proven_s_, hopeless);
    assumed_s_ = std::max(assumed_s_, hopeless);
  }

  // From the lower bound upwards to a plan, then between the two until the periods left are few enough to list.
  void close_in() {
    for (double step = 0.004; !is_over() && assumed_s_ * (1 + step) < best_s_; step *= 2)
      if (try_period(assumed_s_ * (1 + step))) break;
    while (!is_over() && best_s_ > assumed_s_ * kFewPeriods)
      try_period(assumed_s_ > 0 ? std::sqrt(assumed_s_ * best_s_) : best_s_ / 1024);
    if (!is_over()) bisect();
  }

  void bisect() {
    const std::vector<double> periods = periods_between(problem_, assumed_s_, best_s_);
    std::size_t first = 0, last = periods.size();  // those that may be better
    while (first < last && !is_over()) {
      const std::size_t middle = (first + last) / 2;
      if (try_period(periods[middle]))
        last = static_cast<std::size_t>(std::lower_bound(periods.begin(), periods.end(), best_s_) - periods.begin());
      else first = middle + 1;
    }
    if (first == last && proven_s_ >= assumed_s_) proven_s_ = best_s_;
  }

  bool is_over() const { return finder_.is_over(); }

  Solution solution() const {
    Solution made;
    made.stages = best_;
    made.score = evaluate(problem_, best_, goal_.period_s);
    made.optimal = best_.empty() ? proven_s_ == kInfinity : best_s_ <= proven_s_;
    made.value = best_.empty() ? 0 : 1 / made.score.period_s;
    made.bound = best_.empty() && made.optimal ? 0 : 1 / std::min(proven_s_, best_s_);
    return made;
  }

  const Problem& problem_;
  const Goal& goal_;
  Finder finder_;
  Stages best_;
  double best_s_ = kInfinity;  // its period
  double proven_s_ = 0;        // no plan has less
  double assumed_s_ = 0;       // none was found with less
};

}  // namespace

Solution solve_throughput(const Problem& problem, const Goal& goal) {
  if (is_coupled(problem)) return by_search(problem, goal);
  if (goal.latency_limit_s == kInfinity || fastest_steps(problem, goal) <= kManySteps)
    return Bisection(problem, goal).run();
  Goal free = goal;
  free.latency_limit_s = kInfinity;
  Solution solution = Bisection(problem, free).run();
  return is_latency_within(solution.score.latency_s, goal.latency_limit_s) ? solution : by_search(problem, goal);
}

}  // namespace cleave
