// Best-first search (A*, Hart, Nilsson and Raphael 1968) over partial plans.
//
// A label is a partial plan: the multiset of device kinds used, the kind of the last stage, the position it has
// reached, and what it has cost. Labels are followed in the order of cost so far plus the least the rest can cost; the
// first whole plan that comes up is the best. Of two labels with the same devices (or a part of them), kind and
// position, the one that is no better in anything is dropped; beside the cost, "anything" is the latency where it has a
// limit and, under cost models in which a device's times add up, the time its device has left to send
// (search_labels.h).
//
// The least the rest can cost comes from dynamic programming backwards over (kind, position), in which memory, pins,
// paths and the period limit hold, but a device may be used again: O(kinds × positions² + kinds² × positions), once. If
// the cheapest run of that kind uses no device too often, it is the best plan, and the search walks straight to it. If
// not, each device gets a price, raised by subgradient steps while it is used too often (Lagrangian relaxation, Held
// and Karp 1971; a latency limit is priced the same way): the same dynamic programming, some dozens of times. Such
// prices keep the order of the search exact: a label's bound never falls along a plan. For the least period, prices are
// of no use; there the tables have a layer for each number of stages used.
//
// Labels whose free devices could not hold what is left, or not do it in time, are dropped: the most that one stage of
// each kind can take of bytes and of work is known.
//
// The number of labels is exponential in the number of different kinds at worst (the problem is NP-hard: with as many
// kinds as devices it holds the travelling salesman's), and at most Π(count + 1) × kinds × positions when costs are all
// that counts. A label's successors are made a few at a time, as their bounds come up. A first plan comes from a beam
// search from position to position, with very many positions from a problem that keeps some of them; when time or room
// for labels is over, the least bound of all open labels bounds every plan, and wider beams look for better ones.
#include "partitioner/search.h"

#include <algorithm>
#include <utility>

#include "partitioner/search_coarse.h"
#include "partitioner/search_core.h"

namespace cleave {

namespace {

constexpr double kRounding = 1e-12;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

double value_of(Minimise what, const Score& score) {
  switch (what) {
    case Minimise::period: return score.period_s;
    case Minimise::latency: return score.latency_s;
    case Minimise::joules: return score.joules;
  }
  return kInfinity;
}

// Whether anything but the devices' number limits what they can do.
bool has_capacities(const Problem& problem, Minimise what, double period_limit_s) {
  return what == Minimise::period || period_limit_s < kInfinity ||
         std::any_of(problem.kinds.begin(), problem.kinds.end(),
                     [](const DeviceKind& kind) { return kind.memory_bytes < kInfinity; });
}

}  // namespace

Search::Search(const Problem& problem, Minimise what, const Goal& goal, double period_limit_s, std::size_t most_labels)
    : problem_(problem),
      what_(what),
      goal_(goal),
      period_limit_s_(period_limit_s),
      most_labels_(most_labels),
      deadline_(goal),
      rows_(problem, period_limit_s, deadline_),
      prices_(prices_of(problem, what, period_limit_s)),
      busy_counts_(what == Minimise::period || period_limit_s < kInfinity),
      start_cost_(constant_cost(problem, what, goal)),
      start_latency_s_(constant_cost(problem, Minimise::latency, goal)),
      capacities_(rows_, {}),
      table_(problem, Dominance(problem, what, goal, period_limit_s)) {
  best_.value = kInfinity;
}

// False: the time was over first.
bool Search::prepare() {
  constexpr double kQuickRows = 1e7;  // quicker than anyone's limit
  if (!rows_.is_complete()) return false;
  Goal free = goal_;
  free.min_stages = 1;
  free.max_stages = kMaxDevices;
  const Prices seconds = prices_of(problem_, Minimise::latency, period_limit_s_);
  const bool latency = what_ == Minimise::joules || goal_.latency_limit_s < kInfinity;
  if (!fill_to_go(rows_, prices_, goal_, deadline_, cost_)) return false;
  if (latency && !fill_to_go(rows_, seconds, free, deadline_, latency_)) return false;
  if (!fill_to_go(rows_, stage_prices(prices_), free, deadline_, stages_)) return false;
  const double least = least_total(prices_, cost_);
  root_ = prices_.longest ? std::max(start_cost_, least) : start_cost_ + least;
  const bool is_quick = rows_.size() < kQuickRows || !deadline_.over();
  if (is_quick && has_capacities(problem_, what_, period_limit_s_)) capacities_ = Capacities(rows_, {kInfinity});
  return true;
}

// A whole plan: the best one if evaluate() says so.
void Search::finish(const Label& last) {
  if (last.stages < goal_.min_stages || last.stages > goal_.max_stages) return;
  Stages stages;
  int to = last.position;
  for (std::int32_t i = last.parent; i >= 0; i = table_.labels[at(i)].parent) {
    const Label& label = table_.labels[at(i)];
    if (label.ended) continue;
    stages.push_back({label.kind, label.position, to});
    to = label.position;
  }
  std::reverse(stages.begin(), stages.end());
  consider(stages);
}

void Search::consider(const Stages& stages) {
  if (evaluate(problem_, stages).period_s > period_limit_s_) return;
  const Score score = evaluate(problem_, stages, goal_.period_s);
  if (score.period_s == kInfinity || score.latency_s > goal_.latency_limit_s) return;
  const double value = value_of(what_, score);
  if (!best_.stages.empty() && value >= best_.value - rounding()) {
    if (value > best_.value + rounding()) return;
    if (std::pair(stages.size(), score.latency_s) >= std::pair(best_.stages.size(), best_.score.latency_s)) return;
  }
  best_.stages = stages;
  best_.score = score;
  best_.value = value;
}

Solution Search::run() {
  best_.bound = start_cost_;
  if (start_latency_s_ > goal_.latency_limit_s) root_ = kInfinity;
  if (root_ < kInfinity && !prepare()) return best_;
  if (root_ < kInfinity) beam(kQuickBeam);
  by_slack_ = root_ < kInfinity && best_.stages.empty();
  if (by_slack_) beam(kQuickBeam);
  by_slack_ = false;
  if (!find_any()) root_ = kInfinity;
  if (root_ < kInfinity && !(best_.value <= root_ * (1 + kRounding)) && !deadline_.over()) {
    if (what_ != Minimise::period) improve_bound();
    if (what_ == Minimise::period) narrow_period(kQuickBeam);
    else beam(kWideBeam);
  }
  if (root_ < kInfinity) search_all();
  else best_.optimal = true;
  if (best_.stages.empty() && best_.optimal) best_.bound = kInfinity;
  if (best_.optimal || best_.bound > best_.value) best_.bound = best_.value;
  return best_;
}

namespace {

constexpr int kManyPositions = 1000;  // from here on a first plan comes from …
constexpr int kFewPositions = 256;    // … so many of them

// The best plan that cuts only at some positions: of each run of neighbours, where the least travels.
Stages coarse_plan(const Problem& problem, Minimise what, Goal goal, double period_limit_s) {
  constexpr std::size_t kMostLabels = 100000;
  const std::vector<int> kept = narrow_cuts(problem, kFewPositions);
  const Problem coarse = keep_positions(problem, kept);
  goal.time_limit_s /= 5;
  Stages stages = Search(coarse, what, goal, period_limit_s, kMostLabels).run().stages;
  for (Stage& stage : stages) stage = {stage.kind, kept[at(stage.from)], kept[at(stage.to)]};
  return stages;
}

// Of all plans of the least period: those with the fewest stages, and of these the one with the shortest latency.
void break_ties(const Problem& problem, Goal goal, double period_limit_s, Solution& solution) {
  constexpr std::size_t kMostLabels = 200000;  // for each number of stages
  const Deadline deadline(goal);
  const int most = static_cast<int>(solution.stages.size());
  const double limit = std::min(period_limit_s, solution.value * (1 + kRounding));
  for (goal.max_stages = std::max(goal.min_stages, 1); goal.max_stages <= most && !deadline.over(); ++goal.max_stages) {
    goal.time_limit_s = deadline.left_s();
    const Solution found = Search(problem, Minimise::latency, goal, limit, kMostLabels).run();
    if (found.stages.empty()) continue;
    solution.stages = found.stages;
    solution.score = found.score;
    solution.value = found.score.period_s;
    solution.bound = std::min(solution.bound, solution.value);
    return;
  }
}

}  // namespace

Solution search(const Problem& problem, Minimise what, const Goal& goal, double period_limit_s) {
  constexpr std::size_t kMostLabels = 2000000;  // 200 MB
  const Deadline deadline(goal);
  Stages first;
  if (problem.positions > kManyPositions) first = coarse_plan(problem, what, goal, period_limit_s);
  Goal rest = goal;
  rest.time_limit_s = deadline.left_s();
  Search all(problem, what, rest, period_limit_s, kMostLabels);
  if (!first.empty()) all.consider(first);
  Solution solution = all.run();
  if (!solution.optimal) solution = all.widen();
  if (what != Minimise::period || !solution.optimal || solution.stages.empty()) return solution;
  rest.time_limit_s = deadline.left_s();
  break_ties(problem, rest, period_limit_s, solution);
  return solution;
}

}  // namespace cleave
