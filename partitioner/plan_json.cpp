// The table and the plan for programs: JSON and CSV, base units, keys that stay.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "partitioner/plan_columns.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

std::string csv_value(const Json& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return value.dump();
  std::string text = value.get<std::string>();
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

}  // namespace

std::string plan_csv(const Setting& setting, const PlanTable& table) {
  std::string text;
  std::vector<std::string> keys;
  for (const TableColumn& column : table_columns()) keys.emplace_back(column.column.key);
  text = fmt::format("{}\n", fmt::join(keys, ","));
  for (const Plan& plan : table.rows) {
    std::vector<std::string> values;
    for (const TableColumn& column : table_columns()) values.push_back(csv_value(column.value(setting, table, plan)));
    text += fmt::format("{}\n", fmt::join(values, ","));
  }
  return text;
}

std::string plan_json(const Setting& setting, const PlanTable& table) {
  Json rows = Json::array();
  for (const Plan& plan : table.rows) {
    Json row;
    for (const TableColumn& column : table_columns()) row[column.column.key] = column.value(setting, table, plan);
    rows.push_back(std::move(row));
  }
  Json devices = Json::array();
  for (const Device& device : setting.swarm.devices) devices.push_back(device.name);
  Json json = {{"schema", 1},
               {"model", setting.graph.name},
               {"graph_hash", structure_hash(setting.graph)},
               {"objective", setting.request.objective->name},
               {"cost_model", setting.request.model->name},
               {"devices", devices},
               {"candidates", table.candidates},
               {"feasible", table.feasible},
               {"rows", rows},
               {"remarks", plan_remarks(setting, table)}};
  json["reason"] = table.reason;
  if (table.chosen >= 0) json["plan"] = plan_to_json(setting, table.plan());
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json plan_to_json(const Setting& setting, const Plan& plan) {
  const Graph graph = graph_of_plan(setting.graph, plan);
  Json stages = Json::array(), cuts = Json::array();
  for (const PlanStage& stage : plan.stages) {
    Json nodes = Json::array();
    for (const NodeId node : stage.nodes) nodes.push_back(graph.node(node).name);
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
    for (const NodeId node : cut.tensors) tensors.push_back(graph.node(node).name);
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
