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
#include <chrono>
#include <cmath>
#include <utility>

#include "partitioner/search_coarse.h"
#include "partitioner/search_core.h"

namespace cleave {

namespace {

constexpr double kRounding = 1e-12;
constexpr std::size_t kQuick = 4, kWide = 16;  // beams

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

namespace {

// A partial plan, and how it ranks among others that end at the same position: less is better.
struct Ranked {
  Child child;
  double rank = 0;
};

// Adds to the best `width`, one for the same devices.
void insert(std::vector<Ranked>& kept, const Ranked& added, std::size_t width) {
  const auto before = [](const Ranked& a, const Ranked& b) {
    return a.rank != b.rank ? a.rank < b.rank : a.child.label.stages < b.child.label.stages;
  };
  if (kept.size() == width && !before(added, kept.back())) return;
  const Label& label = added.child.label;
  const auto same = std::find_if(kept.begin(), kept.end(), [&](const Ranked& other) {
    return other.child.label.used == label.used && other.child.label.kind == label.kind;
  });
  if (same != kept.end()) {
    if (!before(added, *same)) return;
    kept.erase(same);
  }
  if (kept.size() == width) kept.pop_back();
  kept.insert(std::upper_bound(kept.begin(), kept.end(), added, before), added);
}

}  // namespace

// Where any plan is welcome, those that leave most to the other devices are likely to find an end.
double Search::rank(const Child& child) const {
  if (by_slack_) return -capacities_.slack(table_.sets, child.label);
  return extras_.any() ? child.label.charged + left(extras_.to_go, child.label) : child.bound;
}

// From position to position, goes on with the `width` best partial plans that end there.
void Search::beam(std::size_t width) {
  constexpr std::size_t kAlways = 10000;  // so many stages are quicker than anyone's limit
  std::vector<std::vector<Ranked>> ended(at(problem_.positions));
  std::vector<Child> children;
  std::vector<Ranked> begun;
  for (int position = 0; position < problem_.last(); ++position) {
    if (table_.labels.size() > kAlways && deadline_.over()) break;
    if (position == 0) starts(children);
    for (const Ranked& one : ended[at(position)]) {
      table_.labels.push_back(one.child.label);
      add_hops(one.child.label, static_cast<std::int32_t>(table_.labels.size()) - 1, children);
    }
    begun.clear();
    for (const Child& child : children) insert(begun, {child, rank(child)}, width);
    children.clear();
    for (const Ranked& one : begun) {
      double above = 0;
      table_.labels.push_back(one.child.label);
      add_stages(static_cast<std::int32_t>(table_.labels.size()) - 1, -kInfinity, kInfinity, children, &above);
    }
    for (const Child& child : children) insert(ended[at(child.label.position)], {child, rank(child)}, width);
    children.clear();
  }
  table_.labels.clear();
}

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
    beam(kWide);
  }
  extras_ = std::move(best);
}

// What is left of the time goes into beams, each twice as wide as the one before.
Solution Search::widen() {
  constexpr std::size_t kFirst = 32, kLast = 1024;
  table_.labels.clear();
  for (std::size_t width = kFirst; width <= kLast && !deadline_.over() && best_.bound < best_.value; width *= 2) {
    if (what_ == Minimise::period && best_.value < kInfinity) {
      set_levels();
      ceiling_ = best_.value;
      by_slack_ = true;
    }
    beam(width);
  }
  best_.optimal = best_.bound >= best_.value - rounding();
  best_.bound = std::min(best_.bound, best_.value);
  return best_;
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

bool Search::is_over() const { return table_.labels.size() >= most_labels_ || deadline_.over(); }

// `least`: the bound of what the children go on from, which holds for them, too.
void Search::push_all(std::vector<Child>& children, double least) {
  for (const Child& child : children) {
    const std::int32_t index = table_.add(child.label);
    if (index < 0) continue;
    open_.push_back({std::max(child.bound, least), index, child.label.position});
    std::push_heap(open_.begin(), open_.end());
  }
  children.clear();
}

void Search::expand(const OpenLabel& next, std::vector<Child>& children) {
  Label& label = table_.labels[at(next.label)];
  if (label.beaten || is_hopeless(label, next.bound)) return;
  if (!label.expanded && table_.is_beaten(next.label)) return;
  if (label.ended) return add_hops(label, next.label, children);
  // A few at a time: as far as an eighth of what the best plan leaves open.
  const double width = best_.value < kInfinity ? (best_.value - root_) / 8 : std::abs(next.bound) / 8;
  const double least = label.expanded ? next.bound : -kInfinity;
  double above = kInfinity;
  label.expanded = true;
  add_stages(next.label, least, next.bound + width, children, &above);
  if (above == kInfinity) return;
  open_.push_back({above, next.label, next.position});
  std::push_heap(open_.begin(), open_.end());
}

// True when no open label leads to a better plan, nor (unless there are too many) to one that is as good but simpler.
bool Search::is_last(const OpenLabel& next) {
  constexpr int kMostTies = 50000;
  if (next.bound > best_.value + rounding()) return true;
  return next.bound >= best_.value - rounding() && ++ties_ > kMostTies;
}

void Search::search_all() {
  constexpr int kOften = 2000;  // how many labels apart new levels are worth their time
  std::vector<Child> children;
  starts(children);
  push_all(children, root_);
  best_.optimal = true;
  best_.bound = root_;
  for (int count = 1; !open_.empty(); ++count) {
    const OpenLabel next = open_.front();
    if (is_last(next)) return;
    if (count % 64 == 1 && is_over()) {
      best_.optimal = next.bound >= best_.value - rounding();
      best_.bound = std::max(best_.bound, next.bound);
      return;
    }
    if (prices_.longest && count % kOften == 0 && best_.value < level_s_) set_levels();
    std::pop_heap(open_.begin(), open_.end());
    open_.pop_back();
    expand(next, children);
    push_all(children, next.bound);
  }
}

Solution Search::run() {
  best_.bound = start_cost_;
  if (start_latency_s_ > goal_.latency_limit_s) root_ = kInfinity;
  if (root_ < kInfinity && !prepare()) return best_;
  if (root_ < kInfinity) beam(kQuick);
  by_slack_ = root_ < kInfinity && best_.stages.empty();
  if (by_slack_) beam(kQuick);
  by_slack_ = false;
  if (!find_any()) root_ = kInfinity;
  if (root_ < kInfinity && !(best_.value <= root_ * (1 + kRounding)) && !deadline_.over()) {
    if (what_ != Minimise::period) improve_bound();
    if (what_ == Minimise::period) narrow_period(kQuick);
    else beam(kWide);
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
