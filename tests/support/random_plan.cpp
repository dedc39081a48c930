#include "tests/support/random_plan.h"

#include <algorithm>

#include "ops/core/rng.h"
#include "partitioner/make_plan.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

bool contains(const Position& larger, const Position& smaller) {
  for (std::size_t w = 0; w < smaller.done.size(); ++w)
    if ((smaller.done[w] & ~larger.done[w]) != 0) return false;
  return true;
}

// Positions of `sub` from its first to its last, each holding the one before: at most `stages` + 1 of them.
std::vector<int> random_ends(const Numbers& numbers, const Subproblem& sub, int stages, Rng& rng) {
  const auto position = [&](int local) -> const Position& {
    return numbers.positions.all[at(sub.positions[at(local)])];
  };
  std::vector<int> ends{0};
  for (int tries = 0; std::ssize(ends) < stages && tries < 1000; ++tries) {
    const int p = static_cast<int>(rng.below(static_cast<std::int64_t>(sub.positions.size())));
    if (p == 0 || p == sub.problem.last() || std::count(ends.begin(), ends.end(), p) > 0) continue;
    const bool fits = std::all_of(ends.begin(), ends.end(), [&](int other) {
      return contains(position(p), position(other)) || contains(position(other), position(p));
    });
    if (fits) ends.push_back(p);
  }
  std::sort(ends.begin(), ends.end(), [&](int a, int b) { return contains(position(b), position(a)); });
  ends.push_back(sub.problem.last());
  return ends;
}

int kind_of(const Problem& problem, int device) {
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    const std::vector<int>& devices = problem.kinds[k].devices;
    if (std::find(devices.begin(), devices.end(), device) != devices.end()) return static_cast<int>(k);
  }
  return -1;
}

}  // namespace

Plan random_plan(const Setting& setting, std::uint64_t seed, int stages, const SplitSpec* split) {
  Rng rng(seed, kTestStream, 17);
  const Numbers numbers = numbers_of(setting);
  std::vector<int> devices;
  for (int i = 0; i < static_cast<int>(setting.swarm.devices.size()); ++i)
    devices.insert(devices.begin() + rng.below(i + 1), i);
  PlanParts parts;
  SplitFigures figures;
  Subproblem sub;
  if (split != nullptr) {
    figures = split_figures(setting, numbers, *split);
    parts.figures = &figures;
    parts.shares.assign(devices.begin(), devices.begin() + split->ways);
    devices.erase(devices.begin(), devices.begin() + split->ways);
    sub = problem_behind_split(setting, numbers, figures, parts.shares);
  } else {
    sub = problem_behind(setting, numbers, 0, std::vector<bool>(setting.swarm.devices.size()));
  }
  const std::vector<int> ends = random_ends(numbers, sub, std::min(stages, static_cast<int>(devices.size())), rng);
  for (std::size_t i = 0; i + 1 < ends.size(); ++i) {
    parts.devices.push_back(devices[i]);
    parts.stages.push_back({kind_of(sub.problem, devices[i]), ends[i], ends[i + 1]});
  }
  parts.score = evaluate(sub.problem, parts.stages, 0);
  Plan plan = plan_of(setting, numbers, sub, parts);
  name_nodes(setting, plan);
  return plan;
}

std::vector<std::string> device_names(const Swarm& swarm) {
  std::vector<std::string> names;
  for (const Device& device : swarm.devices) names.push_back(device.name);
  return names;
}

std::vector<NodeId> all_heads(const Graph& graph) {
  std::vector<NodeId> heads{graph.output};
  for (const Module& module : graph.modules)
    if (module.head != NodeId::none && module.head != graph.output) heads.push_back(module.head);
  return heads;
}

}  // namespace cleave
