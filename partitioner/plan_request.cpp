// The `placement` of a checked model -> PlanRequest.
#include <algorithm>

#include <fmt/format.h>

#include "graphs/passes.h"
#include "ops/core/catalog.h"
#include "partitioner/make_problem.h"

namespace cleave {

namespace {

std::string text_at(const DocNode& doc, const char* path) {
  const DocNode* node = find_path(doc, path);
  const std::string* text = node == nullptr || !node->value ? nullptr : std::get_if<std::string>(&*node->value);
  return text == nullptr ? "" : *text;
}

double real_at(const DocNode& doc, const char* path, double fallback) {
  const DocNode* node = find_path(doc, path);
  const double* value = node == nullptr || !node->value ? nullptr : std::get_if<double>(&*node->value);
  return value == nullptr ? fallback : *value;
}

// The nodes a name of the placement stands for: of a module, a layer with everything in it, or one node.
std::vector<NodeId> nodes_named(const Graph& graph, const std::string& name) {
  std::vector<NodeId> found;
  for (std::size_t i = 1; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const bool of_module = node.module != ModuleId::none && graph.module(node.module).name == name;
    if (of_module || node.name == name || node.name.starts_with(name + "/"))
      found.push_back(static_cast<NodeId>(static_cast<std::int32_t>(i)));
  }
  return found;
}

void read_cuts(const Model& model, PlanRequest& request) {
  const DocNode* after = find_path(model.reading.doc, "placement.cuts.after");
  if (after == nullptr) return;
  const std::vector<DocNode> items = after->is_scalar() ? std::vector<DocNode>{*after} : after->items;
  for (const DocNode& item : items) {
    const NodeId node = node_of_name(model.graph, item.scalar);
    if (node == NodeId::none || node == model.graph.output) continue;
    request.cut_after.push_back(node);
    request.names[node] = item.scalar;
  }
  std::sort(request.cut_after.begin(), request.cut_after.end());
  request.cut_after.erase(std::unique(request.cut_after.begin(), request.cut_after.end()), request.cut_after.end());
  if (request.cut_after.empty())  // a list that names no place to cut: in one piece
    request.cut_after.push_back(static_cast<NodeId>(static_cast<std::int32_t>(model.graph.nodes.size()) - 1));
}

// Splits may be joined wherever a cut may go and the graph comes together.
void read_splits(const Model& model, PlanRequest& request) {
  if (find_path(model.reading.doc, "placement.split") == nullptr) return;
  const std::vector<NodeId> places =
      request.cut_after.empty() ? whole_prefixes(computed_by(model.graph)) : request.cut_after;
  for (const SplitDef& def : split_catalog()) {
    const DocNode* ways = find_path(model.reading.doc, fmt::format("placement.split.{}", def.name));
    if (ways == nullptr || !ways->value) continue;
    for (const std::int64_t count : std::get<std::vector<std::int64_t>>(*ways->value)) {
      for (const NodeId to : places) {
        if (count < 2 || !can_split_at(model.graph, to)) continue;
        try {
          def.split(model.graph, to, count);
          request.splits.push_back({def.name, count, to});
        } catch (const OpError&) {  // this cut cannot be split so; the others may
        }
      }
    }
  }
}

void read_accuracy(const Model& model, PlanRequest& request) {
  const DocNode* accuracy = find_path(model.reading.doc, "placement.accuracy");
  if (accuracy == nullptr) return;
  for (const DocEntry& cut : accuracy->entries)
    for (const DocEntry& ways : cut.value.entries) {
      const NodeId node = node_of_name(model.graph, cut.key);
      if (node != NodeId::none && ways.value.value)
        request.accuracy[{node, std::stoll(ways.key)}] = std::get<double>(*ways.value.value);
    }
}

void read_pins(const Model& model, const Swarm& swarm, PlanRequest& request) {
  const DocNode* pins = find_path(model.reading.doc, "placement.pin");
  if (pins == nullptr || swarm.devices.empty()) return;
  for (const DocEntry& pin : pins->entries) {
    const int device = find_device(swarm, pin.value.scalar);
    if (device < 0)
      throw UserError(fmt::format("{}:{}:{}: '{}' is pinned to '{}', which is not a device of this swarm",
                                  pin.value.pos.file, pin.value.pos.line, pin.value.pos.col, pin.key,
                                  pin.value.scalar));
    for (const NodeId node : nodes_named(model.graph, pin.key)) request.pins[node] = device;
  }
}

}  // namespace

PlanRequest read_request(const Model& model, const Swarm& swarm) {
  const DocNode& doc = model.reading.doc;
  PlanRequest request;
  request.objective = find(objective_catalog(), text_at(doc, "placement.objective"));
  if (request.objective == nullptr) request.objective = &objective_catalog().front();
  request.model = &cost_model_catalog().front();
  const InferenceSpec& inference = model.reading.spec.inference;
  request.batch = inference.batch, request.in_flight = inference.in_flight;
  if (inference.rate_per_s > 0) request.period_s = 1 / inference.rate_per_s;
  request.memory_share = real_at(doc, "placement.limits.memory", 1);
  request.refuse_estimates = text_at(doc, "placement.costs.else") == "refuse";
  request.latency_limit_s = real_at(doc, "placement.limits.latency", kInfinity);
  read_cuts(model, request);
  read_splits(model, request);
  read_accuracy(model, request);
  read_pins(model, swarm, request);
  return request;
}

}  // namespace cleave
