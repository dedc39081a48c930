// The text around the table: what was planned, the chosen plan stage by stage, what to mind.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graphs/graph_text.h"
#include "ops/core/catalog.h"
#include "partitioner/plan_text.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

std::string plural(std::size_t count, const char* word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

// "a b c (raspberry-pi-3b)", or each with its own preset.
std::string devices_text(const Swarm& swarm) {
  std::vector<std::string> names, presets;
  for (const Device& device : swarm.devices) {
    names.push_back(device.name);
    if (std::find(presets.begin(), presets.end(), device.preset) == presets.end()) presets.push_back(device.preset);
  }
  if (names.size() > 8) names = {names[0], names[1], names[2], "…", names.back()};
  std::erase(presets, "");
  return fmt::format("{}{}", fmt::join(names, " "),
                     presets.empty() ? "" : fmt::format(" ({})", fmt::join(presets, ", ")));
}

std::string head_line(const Setting& setting, const PlanTable& table) {
  return fmt::format("{}: {} {}, objective {}, {}, {} feasible\n", setting.graph.name,
                     plural(setting.swarm.devices.size(), "card"), devices_text(setting.swarm),
                     setting.request.objective->name, plural(at(table.candidates), "candidate"), table.feasible);
}

const std::string& node_name(const Graph& graph, NodeId id) { return graph.node(id).name; }

std::string span_text(const Graph& graph, const PlanStage& stage) {
  if (stage.nodes.empty()) return "";
  const std::string& first = node_name(graph, stage.nodes.front());
  const std::string& last = node_name(graph, stage.nodes.back());
  if (first == last) return first;
  const std::size_t run = index_of(stage.nodes.back()) - index_of(stage.nodes.front()) + 1;
  return fmt::format("{} … {}{}", first, last,
                     run == stage.nodes.size() ? "" : fmt::format(" ({} of {})", stage.nodes.size(), run));
}

std::string bound_line(const Setting& setting, const Plan& plan, const Scale& scale) {
  const ObjectiveDef& objective = *setting.request.objective;
  const std::string_view unit = objective.unit;
  const auto written = [&](double value) {
    if (unit == "s") return fmt::format("{} {}", scale.time({value, false}), scale.time_unit);
    if (unit == "J")
      return fmt::format("{} {}", scale.joules({value, false}), scale.joule_unit.empty() ? "J" : scale.joule_unit);
    return fmt::format("{}{}{}", short_number(value), unit.empty() ? "" : " ", unit);
  };
  const std::string kind = objective.higher_is_better ? "upper bound" : "lower bound";
  if (plan.optimal)
    return fmt::format("{}: {}, {} {}: this plan is optimal", objective.name, written(plan.value), kind,
                       written(plan.bound));
  if (plan.bound == no_bound(objective))
    return fmt::format("{}: {}, and no bound on what is possible was found in this time", objective.name,
                       written(plan.value));
  const double gap = plan.bound == 0 ? 0 : std::abs(plan.value - plan.bound) / std::abs(plan.bound);
  return fmt::format("{}: {}, {} {}: within {:.1f} % of the best possible", objective.name, written(plan.value), kind,
                     written(plan.bound), 100 * gap);
}

}  // namespace

std::string stages_text(const Setting& setting, const Plan& plan) {
  const Graph graph = graph_of_plan(setting.graph, plan);
  PlanTable one;
  one.rows = {plan};
  const Scale scale = scale_of(one);
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const PlanStage& stage = plan.stages[i];
    std::int64_t bytes = 0;
    std::string to;
    for (const PlanCut& cut : plan.cuts)
      if (cut.from == static_cast<int>(i)) {
        bytes += cut.bytes;
        to = setting.swarm.devices[at(plan.stages[at(cut.to)].device)].name;
      }
    rows.push_back({setting.swarm.devices[at(stage.device)].name, span_text(graph, stage),
                    fmt::format("{} {}", scale.time(stage.compute_s), scale.time_unit),
                    fmt::format("{:.0f} %", 100 * stage.compute_s.value / plan.score.period_s),
                    fmt::format("{} of {}", binary_bytes(stage.memory_bytes), binary_bytes(stage.memory_limit_bytes)),
                    to.empty() ? "-" : fmt::format("{} to {}", binary_bytes(bytes), to)});
  }
  std::vector<std::string> marks(rows.size(), "");
  return aligned_table({"card", "layers", "computes", "busy", "memory", "sends to"}, {"", "", "", "", "", ""},
                       std::move(rows), marks, 120);
}

std::string plan_text(const Setting& setting, const PlanTable& table, const TableOptions& options) {
  std::string text = head_line(setting, table) + "\n" + plan_table_text(setting, table, options) + "\n";
  const Scale scale = scale_of(table);
  std::string notes =
      "P = accuracy per joule of a frame. N = frames per joule of one card's battery. ~ marks an estimate.\n";
  if (table.chosen >= 0) {
    const Plan& plan = table.plan();
    const PlanStage* slowest = &plan.stages.front();
    for (const PlanStage& stage : plan.stages)
      if (stage.compute_s.value > slowest->compute_s.value) slowest = &stage;
    notes += fmt::format("slowest stage: {} ({} {}). `cleave plan --why CUT` explains a row.\n{}.\n",
                         setting.swarm.devices[at(slowest->device)].name, scale.time(slowest->compute_s),
                         scale.time_unit, bound_line(setting, plan, scale));
  }
  if (std::string_view(setting.request.objective->name) == "lifetime" && table.chosen >= 0)
    notes += lifetime_text(setting, table);
  for (const std::string& remark : plan_remarks(setting, table)) notes += remark + "\n";
  text += wrapped(notes, options.width);
  if (table.chosen >= 0) text += "\n" + stages_text(setting, table.plan());
  return text;
}

}  // namespace cleave
