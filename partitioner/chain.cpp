// Reachability. A question is answered by dynamic programming over combinations of devices: for each combination (how
// many of each kind are used) and each class of last devices, the set of positions that some run of stages on just
// these devices can end at, as bits. The sets of a combination come from those with one device less: the positions
// from which that device may be reached (an "and" with the positions at which the link is fast enough), then the union
// of the stages it may run from there (stage_sets.h: a jump for each gap where its ends are intervals, an "or" of bit
// sets where memory, measured stages or skips make them irregular).
//
// What keeps it small:
// - The last device matters only as far as links differ (link_sets.h): one class if they are all alike or each as fast
//   as its slower end.
// - A position is dropped when the devices not used cannot do the rest, each at its fullest stage. Close to the best
//   period hardly anything is left.
// - Combinations come by number of devices, so that the first plan met has the fewest stages.
//
// With K kinds of n_k devices, C = Π (n_k + 1) combinations, L <= K classes and P positions, a question costs at most
// O(C·K·(L·P/64 + G)), G being the gaps (<= the stages, seldom more than one) plus irregular starts times P/64, and
// O(K·P²/64) to set up, O(K·P²) for graphs with skips; memory is C·L·P/8 bytes at most. All plans of P positions over
// N different devices would be Σ_s C(P-2, s-1)·N!/(N-s)!.
//
// Bottleneck search by repeated probing: Bokhari 1988; Pınar and Aykanat 2004 ("Fast optimal load balancing algorithms
// for 1D partitioning"), here for devices that differ and may come in any order.
#include "partitioner/chain.h"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace cleave {

namespace {

constexpr std::size_t kMostSetWords = std::size_t{1} << 23;  // 64 MiB
constexpr double kSlack = 1e-9;  // of all work: far more than rounding, far less than a stage

std::size_t at(std::ptrdiff_t index) { return static_cast<std::size_t>(index); }

// A measure of work that every kind agrees on as far as they can: the mean of the shares it makes of all their time.
std::vector<double> work_measure(const Problem& problem) {
  std::vector<double> work(at(problem.positions));
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    const double all = problem.done_s[k].back();
    if (!(all > 0 && all < kInfinity)) continue;
    for (std::size_t p = 0; p < work.size(); ++p) work[p] += problem.kinds[k].count() * (problem.done_s[k][p] / all);
  }
  return work;
}

bool has_same_limits(const Problem& problem, std::size_t a, std::size_t b) {
  if (problem.kinds[a].memory_bytes != problem.kinds[b].memory_bytes) return false;
  return problem.pinned.empty() || (problem.pinned[a].back() == 0 && problem.pinned[b].back() == 0);
}

}  // namespace

StageLimits uniform_limits(const Problem& problem, double seconds) {
  StageLimits limits;
  limits.compute_s.assign(problem.kinds.size(), seconds);
  limits.transfer_s = limits.busy_s = seconds;
  return limits;
}

Reach::Reach(const Problem& problem, const Goal& goal, std::int64_t most_states)
    : problem_(problem), goal_(goal), words_(static_cast<int>(words_for(problem.positions))) {
  int devices = 0;
  for (const DeviceKind& kind : problem.kinds) devices += kind.count();
  most_stages_ = std::min({devices, goal.max_stages, problem.last()});
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    counts_.push_back(std::min(problem.kinds[k].count(), std::max(most_stages_, 1)));
    std::size_t same = 0;
    while (same < k && !has_same_limits(problem, same, k)) ++same;
    allowed_of_.push_back(same < k ? allowed_of_[same] : static_cast<int>(allowed_.size()));
    if (same == k) allowed_.push_back(allowed_stages(problem, static_cast<int>(k)));
  }
  work_ = work_measure(problem);
  if (!problem.after.empty()) {
    by_work_.resize(work_.size());
    std::iota(by_work_.begin(), by_work_.end(), 0);
    std::stable_sort(by_work_.begin(), by_work_.end(), [&](int a, int b) { return work_[at(a)] < work_[at(b)]; });
    from_work_.resize(work_.size() * at(words_));
    for (std::size_t i = work_.size(); i-- > 0;) {
      std::uint64_t* const set = &from_work_[i * at(words_)];
      if (i + 1 < work_.size()) std::copy(set + words_, set + 2 * words_, set);
      set_bit(set, by_work_[i]);
    }
  }
  stages_.resize(problem.kinds.size());
  starts_.resize(at(words_));
  ends_.resize(at(words_));
  number_states(most_states);
}

// Sorts the states by number of devices, when there are no more than `most`.
void Reach::number_states(std::int64_t most) {
  std::int64_t count = 1;
  for (const int kinds : counts_) {
    stride_.push_back(static_cast<int>(count));
    count *= kinds + 1;
    if (count > most) exact_ = false;
    count = std::min(count, most + 1);
  }
  if (!exact_) {
    states_.resize(1);
    return;
  }
  std::vector<int> devices(at(count));
  level_.assign(at(std::accumulate(counts_.begin(), counts_.end(), 0) + 2), 0);
  states_.resize(at(count));
  for (std::size_t s = 0; s < states_.size(); ++s) {
    for (std::size_t k = 0; k < counts_.size(); ++k) {
      const int used = static_cast<int>(s) / stride_[k] % (counts_[k] + 1);
      if (used > 0) states_[s].used |= std::uint64_t{1} << k;
      devices[s] += used;
    }
    ++level_[at(devices[s] + 1)];
  }
  std::partial_sum(level_.begin(), level_.end(), level_.begin());
  std::vector<int> next = level_;
  order_.resize(states_.size());
  for (std::size_t s = 0; s < states_.size(); ++s) order_[at(next[at(devices[s])]++)] = static_cast<int>(s);
}

bool Reach::is_hopeless(const StageLimits& limits) {
  most_capacity_ = 0;
  double all = 0;
  for (std::size_t k = 0; k < stages_.size(); ++k) {
    set_stage_sets(problem_, static_cast<int>(k), allowed_[at(allowed_of_[k])], work_, limits.least_of(k),
                   limits.compute_s[k], stages_[k]);
    most_capacity_ = std::max(most_capacity_, stages_[k].capacity);
    if (stages_[k].capacity > 0) all += problem_.kinds[k].count() * stages_[k].capacity;
  }
  return std::min(all, most_stages_ * most_capacity_) < work_.back() * (1 - kSlack);
}

void Reach::start(const StageLimits& limits) {
  links_ = link_sets(problem_, limits.transfer_s);
  full_ = false;
  sets_.clear();
  sets_.reserve(std::min(kMostSetWords, states_.size() * at(links_.classes() * words_)));
  by_class_.resize(at(links_.classes() * words_));
  State& none = states_.front();
  none.rest = 0;
  for (std::size_t k = 0; k < stages_.size(); ++k)
    if (stages_[k].capacity > 0) none.rest += counts_[k] * stages_[k].capacity;
  for (std::size_t s = 1; s < states_.size(); ++s) {
    const int kind = std::countr_zero(states_[s].used);
    states_[s].rest = states_[s - at(stride_[at(kind)])].rest - std::max(0.0, stages_[at(kind)].capacity);
    states_[s].classes = 0;
  }
}

double Reach::best_rest(const State& state, int stages) const {
  return std::min(state.rest, (most_stages_ - stages) * most_capacity_);
}

// The first position (by work on graphs with skips) from which the rest can still be done.
int Reach::needed_from(double rest) const {
  const double least = work_.back() * (1 - kSlack) - rest;
  if (problem_.after.empty())
    return static_cast<int>(std::lower_bound(work_.begin(), work_.end(), least) - work_.begin());
  return static_cast<int>(std::lower_bound(by_work_.begin(), by_work_.end(), least,
                                           [&](int position, double bar) { return work_[at(position)] < bar; }) -
                          by_work_.begin());
}

void Reach::keep_needed(double rest, std::uint64_t* ends) const {
  const int first = needed_from(rest);
  if (problem_.after.empty()) {
    std::fill(ends, ends + first / 64, 0);
    ends[first / 64] &= bits_from(first % 64);
    return;
  }
  for (int w = 0; w < words_; ++w) ends[w] &= from_work_[at(first) * at(words_) + at(w)];
}

const std::uint64_t* Reach::set_of(const State& state, int link_class) const {
  const std::uint64_t below = state.classes & ((std::uint64_t{1} << link_class) - 1);
  return &sets_[state.sets + at(std::popcount(below) * words_)];
}

// The positions from which a device of the kind may go on, given a combination without it. False if there are none.
bool Reach::gather(int before, int kind, std::uint64_t* starts) const {
  std::fill(starts, starts + words_, 0);
  if (before == 0) {
    starts[0] = links_.enter[at(kind)] != 0 ? 1 : 0;
    return starts[0] != 0;
  }
  const State& state = states_[at(before)];
  const std::uint64_t* set = state.classes == 0 ? nullptr : &sets_[state.sets];
  for (std::uint64_t left = state.classes; left != 0; left &= left - 1, set += words_) {
    const std::uint64_t* const open = links_.receive[at(std::countr_zero(left))][at(kind)].data();
    for (int w = 0; w < words_; ++w) starts[w] |= set[w] & open[w];
  }
  return std::any_of(starts, starts + words_, [](std::uint64_t word) { return word != 0; });
}

// Works out the sets of a state from those before it. True when it can end with all work done.
bool Reach::extend(int s, int stages, const StageLimits& limits) {
  State& state = states_[at(s)];
  const double rest = best_rest(state, stages);
  bool complete = false;
  for (std::uint64_t left = state.used; left != 0; left &= left - 1) {
    const int kind = std::countr_zero(left);
    if (!gather(s - stride_[at(kind)], kind, starts_.data())) continue;
    std::fill(ends_.begin(), ends_.end(), 0);
    add_ends(stages_[at(kind)], starts_.data(), words_, ends_.data());
    keep_needed(rest, ends_.data());
    complete = complete || has_bit(ends_.data(), problem_.last());
    const int link_class = links_.class_of[at(kind)];
    std::uint64_t* const sum = &by_class_[at(link_class * words_)];
    const bool first = (state.classes >> link_class & 1U) == 0;
    std::uint64_t any = 0;
    for (int w = 0; w < words_; ++w) {
      const std::uint64_t ends = ends_[at(w)] & links_.send[at(kind)][at(w)];
      any |= ends;
      sum[w] = first ? ends : sum[w] | ends;
    }
    if (any != 0) state.classes |= std::uint64_t{1} << link_class;
  }
  state.sets = static_cast<std::uint32_t>(sets_.size());
  const std::size_t more = at(std::popcount(state.classes) * words_);
  if (sets_.size() + more > kMostSetWords) {
    full_ = true;
    state.classes = 0;
  }
  for (std::uint64_t left = state.classes; left != 0; left &= left - 1) {
    const auto set = by_class_.begin() + std::countr_zero(left) * words_;
    sets_.insert(sets_.end(), set, set + words_);
  }
  return complete && stages >= goal_.min_stages && is_used_up(s, limits);
}

bool Reach::is_used_up(int state, const StageLimits& limits) const {
  if (limits.least_used.empty()) return true;
  for (std::size_t k = 0; k < counts_.size(); ++k)
    if (state / stride_[k] % (counts_[k] + 1) < limits.least_used[k]) return false;
  return true;
}

Found Reach::find(const StageLimits& limits, const Deadline& deadline) {
  if (is_hopeless(limits)) return {};
  start(limits);
  if (!exact_) return find_wide(limits, deadline);
  for (int stages = 1; stages <= most_stages_; ++stages) {
    for (int i = level_[at(stages)]; i < level_[at(stages + 1)]; ++i) {
      if (i % 256 == 255 && deadline.is_over()) return {{}, true};
      if (extend(order_[at(i)], stages, limits)) return {trace(order_[at(i)], stages, limits), false};
    }
  }
  return full_ ? find_wide(limits, deadline) : Found{};
}

// Follows the sets back from the end of all work.
Stages Reach::trace(int state, int stages, const StageLimits& limits) const {
  Stages plan;
  int end = problem_.last(), link_class = -1;
  for (; stages > 0; --stages) {
    const Stage stage = last_stage(state, end, link_class, limits, &link_class);
    plan.insert(plan.begin(), stage);
    state -= stride_[at(stage.kind)];
    end = stage.from;
  }
  assert(end == 0);
  return plan;
}

// Some stage that ends there, on a device of the class (-1 = any), with the rest of the combination before it.
Stage Reach::last_stage(int s, int end, int end_class, const StageLimits& limits, int* start_class) const {
  for (std::uint64_t kinds = states_[at(s)].used; kinds != 0; kinds &= kinds - 1) {
    const int kind = std::countr_zero(kinds);
    if (end_class >= 0 && (links_.class_of[at(kind)] != end_class || !has_bit(links_.send[at(kind)].data(), end)))
      continue;
    const auto fits = [&](int start) {
      return is_within(problem_, {kind, start, end}, limits.least_of(at(kind)), limits.compute_s[at(kind)]);
    };
    const int before = s - stride_[at(kind)];
    if (before == 0 && links_.enter[at(kind)] != 0 && fits(0)) return {kind, 0, end};
    const State& state = states_[at(before)];
    for (std::uint64_t left = before == 0 ? 0 : state.classes; left != 0; left &= left - 1) {
      const int link_class = std::countr_zero(left);
      const std::uint64_t* const set = set_of(state, link_class);
      const std::uint64_t* const open = links_.receive[at(link_class)][at(kind)].data();
      for (int start = end - 1; start > 0; --start) {
        if (!has_bit(set, start) || !has_bit(open, start) || !fits(start)) continue;
        *start_class = link_class;
        return {kind, start, end};
      }
    }
  }
  assert(false);  // the sets say that there is one
  return {};
}

Stages reach(const Problem& problem, const StageLimits& limits, const Goal& goal, bool* timed_out) {
  const Found found = Reach(problem, goal).find(limits, Deadline(goal));
  if (timed_out != nullptr) *timed_out = found.unknown;
  return found.stages;
}

}  // namespace cleave
