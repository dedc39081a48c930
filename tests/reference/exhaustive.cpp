#include "tests/reference/exhaustive.h"

#include <string_view>
#include <tuple>

namespace cleave {

namespace {

struct Enumeration {
  const Problem& problem;
  const Goal& goal;
  const std::function<void(const Stages&, const Score&)>& visit;
  std::vector<std::pair<int, bool>> devices;  // kind, and whether it is taken
  Stages stages;

  void extend(int from) {
    const int count = static_cast<int>(stages.size());
    if (from == problem.last()) {
      if (count < goal.min_stages) return;
      const Score score = evaluate(problem, stages, goal.period_s);
      if (score.period_s < kInfinity && score.latency_s <= goal.latency_limit_s) visit(stages, score);
      return;
    }
    if (count == goal.max_stages) return;
    for (auto& [kind, taken] : devices) {
      if (taken) continue;
      taken = true;
      for (int to = from + 1; to <= problem.last(); ++to) {
        if (!is_after(problem, from, to) || !is_allowed(problem, {kind, from, to})) continue;
        stages.push_back({kind, from, to});
        extend(to);
        stages.pop_back();
      }
      taken = false;
    }
  }
};

bool is_preferred(const ObjectiveDef& objective, const ExhaustiveBest& a, const ExhaustiveBest& b) {
  if (b.stages.empty()) return true;
  const bool balance = std::string_view(objective.name) == "balance";
  if (balance && (a.score.devices == 1) != (b.score.devices == 1)) return b.score.devices == 1;
  if (is_better(objective, a.value, b.value)) return true;
  if (is_better(objective, b.value, a.value)) return false;
  return std::make_tuple(a.stages.size(), a.score.latency_s) < std::make_tuple(b.stages.size(), b.score.latency_s);
}

}  // namespace

void for_each_plan(const Problem& problem, const Goal& goal,
                   const std::function<void(const Stages& stages, const Score& score)>& visit) {
  Enumeration all{problem, goal, visit, {}, {}};
  for (std::size_t k = 0; k < problem.kinds.size(); ++k)
    for (int i = 0; i < problem.kinds[k].count(); ++i) all.devices.emplace_back(static_cast<int>(k), false);
  all.extend(0);
}

std::vector<ExhaustiveBest> exhaustive(const Problem& problem, const Goal& goal) {
  const std::span<const ObjectiveDef> objectives = objective_catalog();
  std::vector<ExhaustiveBest> best(objectives.size());
  for_each_plan(problem, goal, [&](const Stages& stages, const Score& score) {
    for (std::size_t i = 0; i < objectives.size(); ++i) {
      const ExhaustiveBest plan{stages, score, objectives[i].value(score)};
      if (is_preferred(objectives[i], plan, best[i])) best[i] = plan;
    }
  });
  return best;
}

ExhaustiveBest exhaustive(const Problem& problem, const Goal& goal, const ObjectiveDef& objective) {
  ExhaustiveBest best;
  for_each_plan(problem, goal, [&](const Stages& stages, const Score& score) {
    const ExhaustiveBest plan{stages, score, objective.value(score)};
    if (is_preferred(objective, plan, best)) best = plan;
  });
  return best;
}

}  // namespace cleave
