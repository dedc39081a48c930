// The text around the table: what was planned, the chosen plan stage by stage, what to mind.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "graphs/graph_text.h"
#include "ops/core/catalog.h"
#include "partitioner/plan_text.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

constexpr double kBalanced = 0.9;  // at least so balanced counts as balanced

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
    return fmt::format("{} {}", short_number(value), unit);
  };
  const std::string kind = objective.higher_is_better ? "upper bound" : "lower bound";
  if (plan.optimal)
    return fmt::format("{}: {}, {} {}: this plan is optimal", objective.name, written(plan.value), kind,
                       written(plan.bound));
  const double gap = plan.bound == 0 ? 0 : std::abs(plan.value - plan.bound) / std::abs(plan.bound);
  return fmt::format("{}: {}, {} {}: within {:.1f} % of the best possible", objective.name, written(plan.value), kind,
                     written(plan.bound), 100 * gap);
}

const Plan* argmax(const PlanTable& table, double (*value)(const Plan&)) {
  const Plan* best = nullptr;
  for (const Plan& row : table.rows)
    if (row.is_feasible() && row.stages.size() > 1 && (best == nullptr || value(row) > value(*best))) best = &row;
  return best;
}

void remark_performance(const PlanTable& table, std::vector<std::string>& remarks) {
  const Plan* by_p = argmax(table, [](const Plan& p) { return p.accuracy ? *p.accuracy / p.score.joules : -1; });
  const Plan* by_balance = argmax(table, [](const Plan& p) { return p.score.balance; });
  if (by_p == nullptr || !by_p->accuracy || by_p == by_balance) return;
  if (by_p->score.balance >= kBalanced) return;
  const auto name = [](const Plan& p) { return p.split ? fmt::format("{} in {} ways", p.cut, p.split->ways) : p.cut; };
  remarks.push_back(
      fmt::format("the largest P ({}, balance {:.2f}) is not the most balanced cut ({}, balance {:.2f}): P "
                  "counts joules, not how soon a battery is empty",
                  name(*by_p), by_p->score.balance, name(*by_balance), by_balance->score.balance));
}

void remark_single(const Setting& setting, const PlanTable& table, std::vector<std::string>& remarks) {
  const Plan& single = table.rows.front();
  if (table.chosen < 0 || !single.is_feasible() || table.plan().stages.size() < 2) return;
  const Plan& plan = table.plan();
  if (single.score.period_s < plan.score.period_s)
    remarks.push_back(fmt::format("'{}' alone would give more frames a second ({} against {})",
                                  setting.swarm.devices[at(single.stages[0].device)].name,
                                  short_number(1 / single.score.period_s), short_number(1 / plan.score.period_s)));
  if (single.score.latency_s < plan.score.latency_s)
    remarks.push_back(fmt::format("'{}' alone would answer a single frame sooner ({:.4g} ms against {:.4g} ms)",
                                  setting.swarm.devices[at(single.stages[0].device)].name, 1e3 * single.score.latency_s,
                                  1e3 * plan.score.latency_s));
}

// A stated placement may not be the best row.
void remark_better(const Setting& setting, const PlanTable& table, std::vector<std::string>& remarks) {
  if (table.chosen < 0) return;
  const Plan* best = &table.plan();
  for (const Plan& row : table.rows)
    if (row.is_feasible() && is_better(*setting.request.objective, row.value, best->value)) best = &row;
  if (best == &table.plan()) return;
  remarks.push_back(fmt::format("stated in placement.map; by {} the best would be {} on {}: {} {} against {}",
                                setting.request.objective->name, best->cut, cards_text(setting.swarm, *best),
                                short_number(best->value), setting.request.objective->unit,
                                short_number(table.plan().value)));
}

void remark_function(const PlanTable& table, std::vector<std::string>& remarks) {
  if (table.chosen < 0 || table.plan().accuracy_kept) return;
  const Plan& plan = table.plan();
  const Plan& whole = table.rows.front();
  const std::string known = plan.accuracy ? fmt::format("accuracy {:.4f}", *plan.accuracy) : "accuracy unknown";
  remarks.push_back(fmt::format("the plan's branches are another network, which needs weights of its own: {}{}", known,
                                whole.accuracy ? fmt::format(" instead of {:.4f}", *whole.accuracy) : ""));
}

// What multiply-adds say beside what clocks say (gacoin.md, "What follows for a planner", 3).
void remark_work(const PlanTable& table, std::vector<std::string>& remarks) {
  std::vector<std::string> names, work, seconds;
  for (const Plan& row : table.rows) {
    if (row.split || row.stages.size() != 2 || row.stages[0].compute_s.estimate || row.stages[1].compute_s.estimate)
      continue;
    const HeadShare share = head_share(table, row);
    names.push_back(row.cut);
    work.push_back(fmt::format("{:.0f}", 100 * share.work));
    seconds.push_back(fmt::format("{:.0f}", 100 * share.seconds));
  }
  if (names.empty() || names.size() > 6) return;
  remarks.push_back(fmt::format("heads up to {}: {} % of the multiply-adds, {} % of the measured time",
                                fmt::join(names, " / "), fmt::join(work, " / "), fmt::join(seconds, " / ")));
}

void remark_misfits(const PlanTable& table, std::vector<std::string>& remarks) {
  for (const Plan& row : table.rows)
    if (!row.is_feasible() && remarks.size() < 8)
      remarks.push_back(
          fmt::format("x {}{}: {}", row.cut, row.split ? fmt::format(":{}", row.split->ways) : "", row.misfit));
}

}  // namespace

std::vector<std::string> plan_remarks(const Setting& setting, const PlanTable& table) {
  std::vector<std::string> remarks;
  remark_misfits(table, remarks);
  if (setting.request.one_joule)
    remarks.emplace_back("no battery is stated: frames are those of one joule on every card");
  remark_better(setting, table, remarks);
  remark_function(table, remarks);
  remark_performance(table, remarks);
  remark_single(setting, table, remarks);
  remark_work(table, remarks);
  if (!table.every_cut)
    remarks.push_back(
        fmt::format("the graph has more than {} ways to be cut in two: only cuts along the file's order were "
                    "looked at; placement.cuts.after narrows them",
                    kMaxPositions));
  const SumError error = largest_sum_error(setting.costs);
  if (error.row >= 0 && error.share >= 0.01)
    remarks.push_back(
        fmt::format("where sums of single layers stand in for a stage that was not measured as one, they may be "
                    "{:.0f} % off",
                    100 * error.share));
  return remarks;
}

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
  text += "P = accuracy per joule of a frame.  N = frames per joule of one card's battery.  ~ marks an estimate.\n";
  if (table.chosen >= 0) {
    const Plan& plan = table.plan();
    const PlanStage* slowest = &plan.stages.front();
    for (const PlanStage& stage : plan.stages)
      if (stage.compute_s.value > slowest->compute_s.value) slowest = &stage;
    text += fmt::format("slowest stage: {} ({} {}).  {}.  `cleave plan --why CUT` explains a row.\n",
                        setting.swarm.devices[at(slowest->device)].name, scale.time(slowest->compute_s),
                        scale.time_unit, bound_line(setting, plan, scale));
  }
  if (std::string_view(setting.request.objective->name) == "lifetime" && table.chosen >= 0)
    text += lifetime_text(setting, table);
  for (const std::string& remark : plan_remarks(setting, table)) text += remark + "\n";
  if (table.chosen >= 0) text += "\n" + stages_text(setting, table.plan());
  return text;
}

Json plan_to_json(const Setting& setting, const Plan& plan) {
  const Graph graph = graph_of_plan(setting.graph, plan);
  Json stages = Json::array(), cuts = Json::array();
  for (const PlanStage& stage : plan.stages) {
    Json nodes = Json::array();
    for (const NodeId node : stage.nodes) nodes.push_back(node_name(graph, node));
    stages.push_back({{"device", setting.swarm.devices[at(stage.device)].name},
                      {"share", stage.share},
                      {"nodes", nodes},
                      {"compute_s", stage.compute_s.value},
                      {"estimate", stage.compute_s.estimate},
                      {"work", stage.work},
                      {"memory_bytes", stage.memory_bytes},
                      {"memory_limit_bytes", stage.memory_limit_bytes},
                      {"joules", stage.joules}});
  }
  for (const PlanCut& cut : plan.cuts) {
    Json tensors = Json::array();
    for (const NodeId node : cut.tensors) tensors.push_back(node_name(graph, node));
    cuts.push_back({{"from", cut.from},
                    {"to", cut.to},
                    {"tensors", tensors},
                    {"bytes", cut.bytes},
                    {"seconds", cut.seconds.value},
                    {"estimate", cut.seconds.estimate}});
  }
  return {{"cut", plan.cut},     {"stages", stages},    {"cuts", cuts},
          {"value", plan.value}, {"bound", plan.bound}, {"optimal", plan.optimal}};
}

}  // namespace cleave
