#include "tests/reference/chain_dp.h"

#include <algorithm>
#include <map>
#include <vector>

namespace cleave::reference {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// The work done from `from` on by the devices that `free` still has, of which a device of `kind` goes first.
struct State {
  std::vector<int> free;
  int kind = 0, from = 0;

  auto operator<=>(const State&) const = default;
};

struct Best {
  double period_s = kInfinity;
  Stages stages;
};

const Best& best_from(const Problem& problem, const State& state, std::map<State, Best>& known) {
  const auto [entry, fresh] = known.emplace(state, Best{});
  if (!fresh) return entry->second;
  Best best;
  State next = state;
  --next.free[at(state.kind)];
  for (int to = state.from + 1; to <= problem.last(); ++to) {
    const Stage stage{state.kind, state.from, to};
    if (!is_allowed(problem, stage)) continue;
    const double own_s = compute_s(problem, stage);
    if (to == problem.last() && own_s < best.period_s) best = {own_s, {stage}};
    for (next.kind = 0; to < problem.last() && next.kind < static_cast<int>(problem.kinds.size()); ++next.kind) {
      if (next.free[at(next.kind)] == 0) continue;
      next.from = to;
      const Best& rest = best_from(problem, next, known);
      const double period_s = std::max({own_s, transfer_s(problem, state.kind, next.kind, to), rest.period_s});
      if (period_s >= best.period_s) continue;
      best = {period_s, {stage}};
      best.stages.insert(best.stages.end(), rest.stages.begin(), rest.stages.end());
    }
  }
  return known[state] = best;
}

}  // namespace

Solution shortest_period(const Problem& problem) {
  State start;
  for (const DeviceKind& kind : problem.kinds) start.free.push_back(kind.count());
  std::map<State, Best> known;
  Best best;
  for (; start.kind < static_cast<int>(problem.kinds.size()); ++start.kind) {
    if (start.free[at(start.kind)] == 0) continue;
    const Best& found = best_from(problem, start, known);
    if (std::max(found.period_s, problem.entry_s[at(start.kind)]) < best.period_s)
      best = {std::max(found.period_s, problem.entry_s[at(start.kind)]), found.stages};
  }
  return {best.stages, evaluate(problem, best.stages), best.period_s, best.period_s, true};
}

}  // namespace cleave::reference
