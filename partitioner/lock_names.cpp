// Names are added one by one: the first node that would run elsewhere gets a name, that of the outermost layer around
// it which is in one stage. O(names · nodes).
#include "partitioner/lock_names.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

constexpr std::size_t kSeveral = static_cast<std::size_t>(-1);

// The stage of each layer and node by name; kSeveral where it has more than one.
std::map<std::string, std::size_t> stages_by_name(const Graph& graph, const StatedPlan& plan) {
  std::map<std::string, std::size_t> stages;
  for (std::size_t i = 1; i < graph.nodes.size(); ++i) {
    const std::string& name = graph.nodes[i].name;
    for (std::size_t end = name.find('/');; end = name.find('/', end + 1)) {
      const auto [known, fresh] = stages.emplace(name.substr(0, end), plan.stage_of[i]);
      if (!fresh && known->second != plan.stage_of[i]) known->second = kSeveral;
      if (end == std::string::npos) break;
    }
  }
  return stages;
}

std::string outermost_in_one_stage(const std::map<std::string, std::size_t>& stages, const std::string& name) {
  for (std::size_t end = name.find('/'); end != std::string::npos; end = name.find('/', end + 1))
    if (stages.at(name.substr(0, end)) != kSeveral) return name.substr(0, end);
  return name;
}

// The stage with most of a module's nodes: fewest exceptions have to be named.
std::size_t main_stage(const Graph& graph, const StatedPlan& plan, std::size_t module) {
  std::vector<int> nodes(plan.stages.size());
  for (std::size_t i = 1; i < graph.nodes.size(); ++i)
    if (graph.nodes[i].module != ModuleId::none && index_of(graph.nodes[i].module) == module) ++nodes[plan.stage_of[i]];
  return static_cast<std::size_t>(std::max_element(nodes.begin(), nodes.end()) - nodes.begin());
}

}  // namespace

StatedPlan stated_plan(const Setting& setting, const Plan& plan) {
  const Positions positions = numbers_of(setting).positions;
  StatedPlan stated;
  stated.stage_of.resize(setting.graph.nodes.size());
  std::vector<int> ends;  // positions
  for (const PlanStage& stage : plan.stages) {
    const std::string& device = setting.swarm.devices[at(stage.device)].name;
    if (stage.share > 0) {
      stated.stages.front() += "+" + device;
      continue;
    }
    stated.stages.push_back(device);
    ends.push_back(stage.to);
  }
  for (std::size_t i = 1; i < stated.stage_of.size(); ++i)
    while ((positions.all[at(ends[stated.stage_of[i]])].done[i / 64] >> (i % 64) & 1U) == 0) ++stated.stage_of[i];
  return stated;
}

PlacedNames names_of(const Graph& graph, const StatedPlan& plan) {
  const std::map<std::string, std::size_t> stages = stages_by_name(graph, plan);
  PlacedNames names;
  for (std::size_t m = 0; m < graph.modules.size(); ++m)
    if (!graph.modules[m].name.empty())
      names.emplace_back(graph.modules[m].name, plan.stages[main_stage(graph, plan, m)]);
  for (bool complete = false; !complete;) {
    complete = true;
    const std::vector<std::string> devices = placed_nodes(graph, names);
    for (std::size_t i = 1; i < devices.size() && complete; ++i) {
      if (devices[i] == plan.stages[plan.stage_of[i]]) continue;
      names.emplace_back(outermost_in_one_stage(stages, graph.nodes[i].name), plan.stages[plan.stage_of[i]]);
      complete = false;
    }
  }
  const auto stage = [&](const std::string& device) {
    return std::find(plan.stages.begin(), plan.stages.end(), device) - plan.stages.begin();
  };
  std::stable_sort(names.begin(), names.end(),
                   [&](const auto& a, const auto& b) { return stage(a.second) < stage(b.second); });
  return names;
}

bool states(const Graph& graph, const PlacedNames& map, const StatedPlan& plan) {
  const std::vector<std::string> devices = placed_nodes(graph, map);
  std::vector<std::string> groups;  // as the map names them first
  for (const auto& [name, device] : map)
    if (std::find(groups.begin(), groups.end(), device) == groups.end()) groups.push_back(device);
  std::vector<std::size_t> group_of(devices.size());
  std::vector<bool> used(groups.size());
  for (std::size_t i = 1; i < devices.size(); ++i) {
    if (devices[i] != plan.stages[plan.stage_of[i]]) return false;
    group_of[i] = static_cast<std::size_t>(std::find(groups.begin(), groups.end(), devices[i]) - groups.begin());
    used[group_of[i]] = true;
  }
  std::vector<std::string> order;
  for (const std::size_t group : running_order(graph, group_of, groups.size()))
    if (used[group]) order.push_back(groups[group]);
  return order == plan.stages;
}

}  // namespace cleave
