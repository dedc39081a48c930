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
// search by the same bound, before the clock counts; when time is over, the least bound of all open labels bounds every
// plan.
#include "partitioner/search.h"

#include <algorithm>
#include <utility>

#include "partitioner/search_bound.h"
#include "partitioner/search_labels.h"

namespace cleave {

namespace {

constexpr double kRounding = 1e-12;
constexpr double kLatencyRounding = 1e-9;  // for limits: the final word is evaluate()'s

std::size_t at(int index) { return static_cast<std::size_t>(index); }

double value_of(Minimise what, const Score& score) {
  switch (what) {
    case Minimise::period: return score.period_s;
    case Minimise::latency: return score.latency_s;
    case Minimise::joules: return score.joules;
  }
  return kInfinity;
}

// Work done by each position, as shares of the whole, the mean over the kinds.
std::vector<double> mean_work(const Problem& problem) {
  std::vector<double> work(at(problem.positions));
  for (const std::vector<double>& done : problem.done_s)
    for (std::size_t p = 0; p < work.size(); ++p)
      if (done.back() > 0 && done.back() < kInfinity) work[p] += done[p] / done.back();
  return work;
}

struct Child {
  Label label;
  double bound = 0;
};

// A weight of the work, and the most of it that one stage of each kind can take.
struct Capacity {
  std::vector<double> weight;  // [position]
  std::vector<double> most;    // [kind]
};

struct Open {
  double bound = 0;
  std::int32_t label = 0, position = 0;

  // For a heap with the least bound on top; of equal ones the label that is furthest.
  bool operator<(const Open& other) const {
    return bound != other.bound ? bound > other.bound : position < other.position;
  }
};

class Search {
 public:
  Search(const Problem& problem, Minimise what, const Goal& goal, double period_limit_s, std::size_t most_labels);
  Solution run();

 private:
  bool prepare();
  void improve_bound();
  void beam(std::size_t width);
  void search_all();
  bool is_over();

  void starts(std::vector<Child>& out) const;
  void add_stages(std::int32_t from, double least, double most, std::vector<Child>& out, double* above);
  void add_hops(const Label& from, std::int32_t index, std::vector<Child>& out) const;
  void keep(const Label& label, std::vector<Child>& out) const;
  void finish(const Label& last);
  double bound_of(const Label& label) const;
  bool is_hopeless(const Label& label, double bound) const;
  bool is_worse_tie(const Label& label) const;
  bool fits(const Label& label) const;
  double rounding() const;
  double least_stages(const Label& label) const;
  double left(const ToGo& to_go, const Label& label) const;
  void set_capacities(double busy_below_s);

  const Problem& problem_;
  const Minimise what_;
  const Goal& goal_;
  const double period_limit_s_;
  const std::size_t most_labels_;
  const Deadline deadline_;
  const StageRows rows_;
  const Prices prices_;
  const bool busy_counts_;
  const double start_cost_, start_latency_s_;

  ToGo cost_, latency_, stages_;  // latency_: only where it counts beside the cost
  Extras extras_;
  std::vector<Capacity> capacities_;
  LabelTable table_;
  std::vector<Open> open_;
  Solution best_;
  double root_ = 0;  // the least bound before anything is chosen
};

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
      table_(problem, Dominance(problem, what, goal, period_limit_s)) {
  best_.value = kInfinity;
}

// False: the time was over first.
bool Search::prepare() {
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
  set_capacities(kInfinity);
  return true;
}

void Search::set_capacities(double busy_below_s) {
  capacities_.clear();
  for (std::vector<double> weight : {problem_.held_bytes, mean_work(problem_)}) {
    Capacity capacity{std::move(weight), {}};
    capacity.most = most_in_a_stage(rows_, capacity.weight, busy_below_s);
    capacities_.push_back(std::move(capacity));
  }
}

double Search::left(const ToGo& to_go, const Label& label) const {
  const std::size_t row = to_go.index(label.stages, label.kind, label.position);
  return label.ended ? to_go.rest[row] : to_go.start[row];
}

// Of a whole plan; the one an open label is about to begin is counted already.
double Search::least_stages(const Label& label) const {
  return label.stages + left(stages_, label) - (label.ended ? 0 : 1);
}

double Search::bound_of(const Label& label) const {
  const double rest = left(cost_, label);
  double bound = prices_.longest ? std::max(label.cost, rest) : label.cost + rest;
  if (extras_.any()) bound = std::max(bound, label.charged + left(extras_.to_go, label) - extras_.refund);
  return bound;
}

double Search::rounding() const {
  return best_.stages.empty() ? 0 : kRounding * (std::abs(best_.value) + extras_.refund);
}

// The plan is as good as the best one found: it must need fewer stages, or as many and less time.
bool Search::is_worse_tie(const Label& label) const {
  if (what_ == Minimise::period) return true;
  const double stages = least_stages(label);
  const int best = static_cast<int>(best_.stages.size());
  if (stages != best || what_ == Minimise::latency) return stages >= best;
  return label.latency_s + left(latency_, label) >= best_.score.latency_s * (1 - kRounding);
}

// What is left is no more than the free devices can take.
bool Search::fits(const Label& label) const {
  for (const Capacity& capacity : capacities_) {
    double missing = capacity.weight.back() - capacity.weight[at(label.position)];
    missing -= missing * kLatencyRounding;
    if (!label.ended) missing -= capacity.most[label.kind];
    for (std::size_t kind = 0; kind < capacity.most.size() && missing > 0; ++kind) {
      const int used = table_.sets.count(label.used, static_cast<int>(kind));
      missing -= (problem_.kinds[kind].count() - used) * capacity.most[kind];
    }
    if (missing > 0) return false;
  }
  return true;
}

bool Search::is_hopeless(const Label& label, double bound) const {
  if (bound == kInfinity || bound > best_.value + rounding()) return true;
  if (least_stages(label) > goal_.max_stages) return true;
  if (goal_.latency_limit_s < kInfinity &&
      label.latency_s + left(latency_, label) > goal_.latency_limit_s * (1 + kLatencyRounding))
    return true;
  return bound >= best_.value - rounding() && is_worse_tie(label);
}

void Search::keep(const Label& label, std::vector<Child>& out) const {
  const double bound = bound_of(label);
  if (!is_hopeless(label, bound)) out.push_back({label, bound});
}

void Search::starts(std::vector<Child>& out) const {
  for (std::size_t kind = 0; kind < problem_.kinds.size(); ++kind) {
    if (prices_.entry[kind] == kInfinity) continue;
    Label label;
    label.kind = static_cast<std::uint8_t>(kind);
    label.stages = 1;
    table_.sets.add(label.used, label.kind);
    label.cost = prices_.longest ? std::max(start_cost_, prices_.entry[kind]) : start_cost_ + prices_.entry[kind];
    label.charged = start_cost_ + (extras_.any() ? extras_.prices.entry[kind] : 0);
    label.receive_s = problem_.entry_s[kind];
    label.latency_s = start_latency_s_ + label.receive_s;
    label.half_duplex = problem_.entry_half_duplex;
    keep(label, out);
  }
}

// Ends the stage of an open label wherever the bound is within [least, most]; `above` becomes the least bound beyond.
void Search::add_stages(std::int32_t from, double least, double most, std::vector<Child>& out, double* above) {
  const Label open = table_.labels[at(from)];
  std::vector<StageEnd> scratch;
  *above = kInfinity;
  for (const StageEnd& end : rows_.row(open.kind, open.position, scratch)) {
    Label label = open;
    label.parent = from;
    label.ended = true;
    label.expanded = false;
    label.position = end.to;
    label.compute_s = end.compute_s;
    label.latency_s += end.compute_s;
    if (busy_counts_) {
      const double busy = problem_.model->busy_s(end.compute_s, open.receive_s, 0, open.half_duplex);
      if (busy > period_limit_s_) continue;
      if (prices_.longest) label.cost = std::max(label.cost, busy);
    }
    if (!prices_.longest) label.cost += end.compute_s * prices_.compute[open.kind];
    if (extras_.any())
      label.charged += end.compute_s * extras_.prices.compute[open.kind] + extras_.prices.stage[open.kind];
    const double bound = bound_of(label);
    if (bound < least || is_hopeless(label, bound)) continue;
    if (end.to == problem_.last()) finish(label);
    else if (bound > most) *above = std::min(*above, bound);
    else if (fits(label)) out.push_back({label, bound});
  }
}

void Search::add_hops(const Label& from, std::int32_t index, std::vector<Child>& out) const {
  for (int kind = 0; kind < static_cast<int>(problem_.kinds.size()); ++kind) {
    if (!table_.sets.has_free(from.used, kind)) continue;
    const LinkCost& link = problem_.links[from.kind][at(kind)];
    Label label;
    label.receive_s = link.seconds(problem_.sent_bytes[at(from.position)]);
    if (label.receive_s == kInfinity || label.receive_s > period_limit_s_) continue;
    label.cost = from.cost;
    if (busy_counts_) {
      const double busy =
          problem_.model->busy_s(from.compute_s, from.receive_s, label.receive_s, from.half_duplex || link.half_duplex);
      if (busy > period_limit_s_) continue;
      if (prices_.longest) label.cost = std::max({label.cost, busy, label.receive_s});
    }
    if (!prices_.longest) label.cost += label.receive_s * prices_.send[from.kind];
    if (extras_.any()) label.charged = from.charged + label.receive_s * extras_.prices.send[from.kind];
    label.latency_s = from.latency_s + label.receive_s;
    label.half_duplex = link.half_duplex;
    label.used = from.used;
    table_.sets.add(label.used, kind);
    label.kind = static_cast<std::uint8_t>(kind);
    label.stages = static_cast<std::uint8_t>(from.stages + 1);
    label.parent = index;
    label.position = from.position;
    keep(label, out);
  }
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
  if (evaluate(problem_, stages).period_s > period_limit_s_) return;
  const Score score = evaluate(problem_, stages, goal_.period_s);
  if (score.period_s == kInfinity || score.latency_s > goal_.latency_limit_s) return;
  const double value = value_of(what_, score);
  if (!best_.stages.empty() && value >= best_.value - rounding()) {
    if (value > best_.value + rounding()) return;
    if (std::pair(stages.size(), score.latency_s) >= std::pair(best_.stages.size(), best_.score.latency_s)) return;
  }
  best_.stages = std::move(stages);
  best_.score = score;
  best_.value = value;
}

// Adds to the `width` children of the least bounds.
void insert(std::vector<Child>& kept, const Child& child, std::size_t width) {
  const auto before = [](const Child& a, const Child& b) {
    return a.bound != b.bound ? a.bound < b.bound : a.label.stages < b.label.stages;
  };
  if (kept.size() == width && !before(child, kept.back())) return;
  for (Child& other : kept) {
    if (other.label.used != child.label.used || other.label.kind != child.label.kind) continue;
    if (!before(child, other)) return;
    kept.erase(kept.begin() + (&other - kept.data()));
    break;
  }
  if (kept.size() == width) kept.pop_back();
  kept.insert(std::upper_bound(kept.begin(), kept.end(), child, before), child);
}

// From position to position, goes on with the `width` partial plans of the least bounds that end there.
void Search::beam(std::size_t width) {
  constexpr std::size_t kAlways = 10000;  // so many stages are quicker than anyone's limit
  std::vector<std::vector<Child>> ended(at(problem_.positions));
  std::vector<Child> children, chosen;
  for (int position = 0; position < problem_.last(); ++position) {
    if (table_.labels.size() > kAlways && deadline_.over()) break;
    if (position == 0) starts(children);
    for (const Child& child : ended[at(position)]) {
      table_.labels.push_back(child.label);
      add_hops(child.label, static_cast<std::int32_t>(table_.labels.size()) - 1, children);
    }
    chosen.clear();
    for (const Child& child : children) insert(chosen, child, width);
    children.clear();
    for (const Child& child : chosen) {
      double above = 0;
      table_.labels.push_back(child.label);
      add_stages(static_cast<std::int32_t>(table_.labels.size()) - 1, -kInfinity, kInfinity, children, &above);
    }
    for (const Child& child : children) insert(ended[at(child.label.position)], child, width);
    children.clear();
  }
  table_.labels.clear();
}

void Search::improve_bound() {
  extras_ = raise_bound(rows_, prices_, goal_, deadline_, goal_.latency_limit_s - start_latency_s_,
                        best_.value - start_cost_);
  if (extras_.any()) root_ = std::max(root_, extras_.bound + start_cost_);
}

bool Search::is_over() { return table_.labels.size() >= most_labels_ || deadline_.over(); }

void Search::search_all() {
  constexpr int kMostTies = 50000;  // partial plans looked at only to break a tie
  std::vector<Child> children;
  const auto push_all = [&] {
    for (const Child& child : children) {
      const std::int32_t index = table_.add(child.label);
      if (index < 0) continue;
      open_.push_back({child.bound, index, child.label.position});
      std::push_heap(open_.begin(), open_.end());
    }
    children.clear();
  };
  starts(children);
  push_all();
  int ties = 0;
  best_.optimal = true;
  best_.bound = root_;
  for (int count = 0; !open_.empty(); ++count) {
    std::pop_heap(open_.begin(), open_.end());
    const Open next = open_.back();
    if (next.bound > best_.value + rounding() || (next.bound >= best_.value - rounding() && ++ties > kMostTies)) return;
    if (count % 64 == 0 && is_over()) {
      best_.optimal = next.bound >= best_.value - rounding();
      best_.bound = std::max(best_.bound, next.bound);
      return;
    }
    open_.pop_back();
    Label& label = table_.labels[at(next.label)];
    if (label.beaten || is_hopeless(label, next.bound)) continue;
    if (!label.expanded && table_.is_beaten(next.label)) continue;
    if (label.ended) {
      const Label ended = label;
      add_hops(ended, next.label, children);
    } else {
      // A few at a time: as far as an eighth of what the best plan leaves open.
      const double width = best_.value < kInfinity ? (best_.value - root_) / 8 : std::abs(next.bound) / 8;
      const double least = label.expanded ? next.bound : -kInfinity;
      double above = kInfinity;
      label.expanded = true;
      add_stages(next.label, least, next.bound + width, children, &above);
      if (above < kInfinity) {
        open_.push_back({above, next.label, next.position});
        std::push_heap(open_.begin(), open_.end());
      }
    }
    push_all();
  }
}

Solution Search::run() {
  constexpr std::size_t kQuick = 4, kWide = 16;
  best_.bound = start_cost_;
  if (!prepare()) return best_;
  beam(kQuick);
  const bool may_gain = best_.stages.empty() || best_.value > root_ * (1 + kRounding);
  if (may_gain && root_ < kInfinity && !deadline_.over()) {
    if (what_ != Minimise::period) improve_bound();
    beam(kWide);
  }
  if (what_ == Minimise::period && best_.value < kInfinity) set_capacities(best_.value);
  search_all();
  if (best_.stages.empty() && best_.optimal) best_.bound = kInfinity;
  if (best_.optimal || best_.bound > best_.value) best_.bound = best_.value;
  return best_;
}

// Of all plans of the least period: those with the fewest stages, and of these the one with the shortest latency.
void break_ties(const Problem& problem, Goal goal, double period_limit_s, Solution& solution) {
  constexpr std::size_t kMostLabels = 200000;  // for each number of stages
  const Deadline deadline(goal);
  const int most = static_cast<int>(solution.stages.size());
  const double limit = std::min(period_limit_s, solution.value * (1 + kRounding));
  for (goal.max_stages = std::max(goal.min_stages, 1); goal.max_stages <= most && !deadline.over(); ++goal.max_stages) {
    const Solution found = Search(problem, Minimise::latency, goal, limit, kMostLabels).run();
    if (found.stages.empty()) continue;
    solution.stages = found.stages;
    solution.score = found.score;
    solution.value = found.score.period_s;
    return;
  }
}

}  // namespace

Solution search(const Problem& problem, Minimise what, const Goal& goal, double period_limit_s) {
  constexpr std::size_t kMostLabels = 2000000;  // 200 MB
  const auto start = std::chrono::steady_clock::now();
  Solution solution = Search(problem, what, goal, period_limit_s, kMostLabels).run();
  if (what != Minimise::period || !solution.optimal || solution.stages.empty()) return solution;
  Goal rest = goal;
  rest.time_limit_s -= std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  break_ties(problem, rest, period_limit_s, solution);
  return solution;
}

}  // namespace cleave
