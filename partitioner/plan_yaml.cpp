// A plan as the text that `read_plan` reads. Figures are written so that they are read back exactly.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "partitioner/plan_file.h"
#include "partitioner/value_text.h"

namespace cleave {

namespace {

constexpr std::size_t kWidth = 100;  // of a list of nodes
constexpr std::size_t kShortRun = 2;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

std::string number_text(double number) { return number < kInfinity ? fmt::format("{}", number) : "infinite"; }
std::string time_text(double seconds) { return seconds < kInfinity ? seconds_text(seconds) : "infinite"; }
std::string joules_text(double joules) { return joules < kInfinity ? fmt::format("{}J", joules) : "infinite"; }

std::string run_text(const std::string& first, const std::string& last) {
  const bool plain = yaml_text(first) == first && yaml_text(last) == last;
  return plain ? fmt::format("{} .. {}", first, last) : yaml_text(fmt::format("{} .. {}", first, last));
}

// Names in the graph's order; "first .. last" for those that stand one behind the other.
std::string nodes_text(const Graph& graph, const std::vector<NodeId>& nodes, std::size_t indent) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < nodes.size();) {
    std::size_t end = i + 1;
    while (end < nodes.size() && index_of(nodes[end]) == index_of(nodes[end - 1]) + 1) ++end;
    if (end - i <= kShortRun) end = i + 1;
    const std::string& first = graph.node(nodes[i]).name;
    items.push_back(end == i + 1 ? yaml_text(first) : run_text(first, graph.node(nodes[end - 1]).name));
    i = end;
  }
  std::string text = "[";
  std::size_t width = indent;
  for (const std::string& item : items) {
    if (text.size() > 1) text += ",";
    const bool fits = text.size() == 1 || width + item.size() + 2 < kWidth;
    if (!fits) text += "\n" + std::string(indent, ' ');
    else if (text.size() > 1) text += " ";
    width = (fits ? width : indent) + item.size() + 2;
    text += item;
  }
  return text + "]";
}

std::string names_text(const Graph& graph, const std::vector<NodeId>& nodes) {
  std::vector<std::string> names;
  for (const NodeId node : nodes) names.push_back(yaml_text(graph.node(node).name));
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string stage_text(const Setting& setting, const Graph& graph, const PlanStage& stage) {
  std::string text = fmt::format("  - device: {}\n", yaml_text(setting.swarm.devices[at(stage.device)].name));
  if (stage.share >= 0) text += fmt::format("    share: {}\n", stage.share + 1);
  else text += fmt::format("    nodes: {}\n", nodes_text(graph, stage.nodes, 12));
  text += fmt::format("    compute: {}\n", time_text(stage.compute_s.value));
  if (stage.compute_s.estimate) text += "    estimate: true\n";
  text += fmt::format("    work: {}\n", stage.work);
  text += fmt::format("    memory: {}\n", size_text(stage.memory_bytes));
  text += fmt::format("    memory_limit: {}\n", size_text(stage.memory_limit_bytes));
  return text + fmt::format("    joules: {}\n", joules_text(stage.joules));
}

std::string cut_text(const Setting& setting, const Graph& graph, const Plan& plan, const PlanCut& cut) {
  const auto name = [&](int stage) { return yaml_text(setting.swarm.devices[at(plan.stages[at(stage)].device)].name); };
  std::string text =
      cut.from < 0 ? fmt::format("  - source: {}\n", yaml_text(setting.swarm.devices[at(setting.swarm.source)].name))
                   : fmt::format("  - from: {}\n", name(cut.from));
  text += fmt::format("    to: {}\n", name(cut.to));
  text += fmt::format("    tensors: [{}]\n", names_text(graph, cut.tensors));
  text += fmt::format("    bytes: {}\n", size_text(cut.bytes));
  text += fmt::format("    seconds: {}\n", time_text(cut.seconds.value));
  if (cut.seconds.estimate) text += "    estimate: true\n";
  return text + fmt::format("    latency: {}\n", time_text(cut.latency_s));
}

std::string score_text(const Plan& plan) {
  std::string text = "score:\n";
  text += fmt::format("  period: {}\n", time_text(plan.score.period_s));
  text += fmt::format("  latency: {}\n", time_text(plan.score.latency_s));
  text += fmt::format("  joules: {}\n", joules_text(plan.score.joules));
  text += fmt::format("  frames: {}\n", number_text(plan.score.frames));
  text += fmt::format("  frames_per_joule: {}\n", number_text(plan.frames_per_joule));
  text += fmt::format("  balance: {}\n", number_text(plan.score.balance));
  text += fmt::format("  devices: {}\n", plan.score.devices);
  if (plan.accuracy) text += fmt::format("  accuracy: {}\n", number_text(*plan.accuracy));
  text += fmt::format("  value: {}\n", number_text(plan.value));
  text += fmt::format("  bound: {}\n", number_text(plan.bound));
  return text + fmt::format("  optimal: {}\n", plan.optimal);
}

std::string heading_text(const Setting& setting, const Plan& plan) {
  std::string text = "# Who runs what, and what a frame is predicted to cost. Cut: " + plan.cut + "\n";
  text += "version: 1\n";
  if (!setting.graph.name.empty()) text += fmt::format("model: {}\n", yaml_text(setting.graph.name));
  text += fmt::format("graph: {}\n", structure_hash(setting.graph));
  text += fmt::format("objective: {}\ncost_model: {}\n", setting.request.objective->name, setting.request.model->name);
  text += fmt::format("batch: {}\n", setting.request.batch);
  if (plan.split)
    text += fmt::format("split: {{kind: {}, ways: {}, to: {}}}\n", plan.split->kind, plan.split->ways,
                        yaml_text(setting.graph.node(plan.split->to).name));
  if (!plan.misfit.empty()) text += fmt::format("misfit: {}\n", yaml_text(plan.misfit));
  return text;
}

}  // namespace

std::string plan_to_yaml(const Setting& setting, const Plan& plan) {
  Plan named = plan;
  name_nodes(setting, named);
  const Graph graph = graph_of_plan(setting.graph, named);
  std::string text = heading_text(setting, named) + "\nstages:\n";
  for (const PlanStage& stage : named.stages) text += stage_text(setting, graph, stage);
  text += named.cuts.empty() ? "\ncuts: []\n" : "\ncuts:\n";
  for (const PlanCut& cut : named.cuts) text += cut_text(setting, graph, named, cut);
  return text + "\n" + score_text(named);
}

}  // namespace cleave
