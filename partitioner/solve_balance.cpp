// Balance: the shortest compute time as near to the longest as it can be, on two devices or more. Branch and bound over
// the shortest time: with the best ratio r so far, a plan whose shortest time is within [a, b] and whose ratio is
// better has no time above b / r, which is a question to Reach. An interval without such a plan is done with, another
// is halved, down to a single time. Every plan found is a candidate, so that the best so far stands at any moment.
// Where there are too many times to list, they are taken in steps of 1e-5, and the bound is two steps above the value.
#include <algorithm>

#include "partitioner/finder.h"

namespace cleave {

namespace {

constexpr double kStep = 1 + 1e-5;

// Whether there are so many stages that their times are not listed.
bool is_large(const Problem& problem) {
  constexpr double kMostTimes = 4e6;
  return static_cast<double>(problem.kinds.size()) * problem.positions * problem.positions / 2 > kMostTimes;
}

// Times in equal ratios that no stage is above, nor below but by so little that it is as good as nothing.
std::vector<double> time_steps(const Problem& problem) {
  double longest = 0;
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    longest = std::max(longest, problem.done_s[k].back());
    for (const auto& [ends, seconds] : problem.measured_s[k]) longest = std::max(longest, seconds);
  }
  std::vector<double> times = {0};
  for (double time = 1e-9 * longest; time < longest * kStep && longest > 0; time *= kStep) times.push_back(time);
  return times;
}

class BalanceSearch {
 public:
  BalanceSearch(const Problem& problem, const Goal& goal)
      : problem_(problem),
        goal_(goal),
        finder_(problem, goal),
        steps_(is_large(problem)),
        better_(steps_ ? kStep * kStep : 1 + 1e-14),
        times_(steps_ ? time_steps(problem) : stage_times(problem, -1, kInfinity)) {
    for (const Share& share : problem.shares) {
      shares_least_s_ = std::min(shares_least_s_, share.compute_s);
      shares_most_s_ = std::max(shares_most_s_, share.compute_s);
      times_.insert(std::lower_bound(times_.begin(), times_.end(), share.compute_s), share.compute_s);
    }
    while (!times_.empty() && times_.back() > shares_least_s_) times_.pop_back();
  }

  Solution run() {
    const Found any = finder_.find(limits(0, kInfinity));
    if (any.stages.empty()) return solution(!any.unknown);
    keep(any.stages);
    bool proven = true;
    // Long times first: they need fewer stages.
    std::vector<std::pair<std::size_t, std::size_t>> open{{0, times_.size()}};
    while (!open.empty() && best_score_.balance < 1) {
      if (finder_.is_over()) return solution(false);
      const auto [first, end] = open.back();
      const Found found = better_within(times_[first], steps_ && end < times_.size() ? times_[end] : times_[end - 1]);
      if (found.stages.empty()) {
        proven = proven && !found.unknown;
        open.pop_back();
      } else if (!keep(found.stages)) {
        open.pop_back();
        const std::size_t middle = (first + end) / 2;
        if (first < middle) open.emplace_back(first, middle);
        if (end - first > 1) open.emplace_back(middle, end);
        else proven = false;  // only where the times begin with steps
      }
    }
    return solution(proven);
  }

 private:
  StageLimits limits(double least_s, double most_s) const {
    StageLimits made;
    made.compute_s.assign(problem_.kinds.size(), most_s);
    made.least_compute_s.assign(problem_.kinds.size(), least_s);
    return made;
  }

  // A plan whose shortest time is at least `least_s`, and better than the best so far if it is at most `most_s`.
  Found better_within(double least_s, double most_s) {
    double longest = best_score_.balance > 0 ? most_s / (best_score_.balance * better_) : kInfinity;
    if (most_s == 0) longest = 0;  // then the ratio is 0, or 1 where all times are 0
    return longest < shares_most_s_ ? Found{} : finder_.find(limits(least_s, longest));
  }

  // Takes the plan if it is better.
  bool keep(const Stages& stages) {
    const Score score = evaluate(problem_, stages, goal_.period_s);
    if (!best_.empty() && score.balance <= best_score_.balance) return false;
    best_ = stages;
    best_score_ = score;
    return true;
  }

  Solution solution(bool proven) const {
    Solution made;
    made.stages = best_;
    made.score = best_score_;
    made.value = best_.empty() ? 0 : best_score_.balance;
    made.bound = !proven ? 1 : steps_ ? std::min(1.0, made.value * better_) : made.value;
    made.optimal = proven && made.bound == made.value;
    return made;
  }

  const Problem& problem_;
  const Goal& goal_;
  Finder finder_;
  const bool steps_;           // times_ are bounds of the times, not the times themselves
  const double better_;        // plans are looked for that are better by this factor: more than rounding or two steps
  std::vector<double> times_;  // that the shortest may be, ascending
  double shares_least_s_ = kInfinity, shares_most_s_ = 0;
  Stages best_;
  Score best_score_;
};

}  // namespace

Solution solve_balance(const Problem& problem, const Goal& goal) {
  Goal several = goal;
  const int shares = static_cast<int>(problem.shares.size());
  several.min_stages = std::max(goal.min_stages, 2 - shares);
  Solution solution = BalanceSearch(problem, several).run();
  if (!solution.stages.empty() || several.min_stages == goal.min_stages) return solution;
  // In one piece there is no balance, but a plan.
  const bool proven = solution.optimal;
  Goal one = goal;
  one.max_stages = std::min(one.max_stages, 1);
  solution = BalanceSearch(problem, one).run();
  solution.value = 0;
  solution.bound = proven ? 0 : 1;
  solution.optimal = proven;
  return solution;
}

}  // namespace cleave
