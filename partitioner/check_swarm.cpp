#include "partitioner/check_swarm.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "graphs/graph_text.h"

namespace cleave {

namespace {

// What a device holds at least; counted in doubles, which cannot overflow.
struct Held {
  double weight_bytes = 0;
  double activation_bytes = 0;

  double all() const { return weight_bytes + activation_bytes; }
};

// A module's line of the map.
struct Placed {
  ModuleId module = ModuleId::none;
  int device = -1;  // of the swarm; -1 = unknown, already reported
  SourcePos pos;    // of the device's name
};

double value_bytes(const Graph& graph, NodeId node) {
  return 4.0 * static_cast<double>(element_count(graph.node(node).type.shape));  // held as 32-bit floats
}

double integer_at(const DocNode& doc, const char* path) {
  const DocNode* node = find_path(doc, path);
  if (node == nullptr || !node->value) return 1;
  const auto* count = std::get_if<std::int64_t>(&*node->value);
  return count == nullptr ? 1 : static_cast<double>(*count);
}

// Training keeps every output of a batch, inference those of one node at a time.
Held held_by(const Graph& graph, ModuleId module, bool training, double batch) {
  Held held;
  double kept = value_bytes(graph, graph.module(module).input);
  double largest = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.module != module || node.op == nullptr) continue;
    double around = value_bytes(graph, static_cast<NodeId>(i));
    kept += around;
    for (const NodeId input : node.inputs) around += value_bytes(graph, input);
    largest = std::max(largest, around);
    held.weight_bytes += static_cast<double>(weight_bytes(node));
  }
  held.activation_bytes = batch * (training ? kept : largest);
  return held;
}

std::vector<Placed> placed_modules(const Graph& graph, const DocNode& map, const Swarm& swarm) {
  std::vector<Placed> all;
  for (std::size_t m = 0; m < graph.modules.size(); ++m) {
    const DocNode* device = map.find(graph.modules[m].name);
    if (device == nullptr || !device->is_scalar()) continue;
    all.push_back({static_cast<ModuleId>(m), find_device(swarm, device->scalar), device->pos});
  }
  return all;
}

void check_paths(const std::vector<Placed>& placed, const Swarm& swarm, Diagnostics& found) {
  int from = swarm.source;
  for (const Placed& to : placed) {
    const bool known = from >= 0 && to.device >= 0 && from != to.device;
    if (known && !swarm.links[static_cast<std::size_t>(from)][static_cast<std::size_t>(to.device)].exists())
      found.add(to.pos,
                fmt::format("'{}' reads from '{}', and no link joins the two",
                            swarm.devices[static_cast<std::size_t>(to.device)].name,
                            swarm.devices[static_cast<std::size_t>(from)].name),
                "add a row to links.overrides, or choose another device");
    from = to.device;
  }
}

// A device whose memory nobody stated is not judged by it.
bool states_memory(const DocNode& doc, const std::string& device) {
  const DocNode* map = find_path(doc, "devices")->find(device);
  return map != nullptr && (map->find("memory") != nullptr || map->find("preset") != nullptr);
}

void check_memory(const Graph& graph, const DocNode& doc, const std::vector<Placed>& placed, const Swarm& swarm,
                  Diagnostics& found) {
  const bool training = find_path(doc, "data.train") != nullptr;
  const double batch = integer_at(doc, training ? "training.batch" : "inference.batch");
  const DocNode* limit = find_path(doc, "placement.limits.memory");
  const double share = limit != nullptr && limit->value ? std::get<double>(*limit->value) : 1;
  for (std::size_t d = 0; d < swarm.devices.size(); ++d) {
    const Device& device = swarm.devices[d];
    Held all;
    const Placed* first = nullptr;
    for (const Placed& module : placed) {
      if (module.device != static_cast<int>(d)) continue;
      if (first == nullptr) first = &module;
      const Held held = held_by(graph, module.module, training, batch);
      all.weight_bytes += held.weight_bytes;
      all.activation_bytes += held.activation_bytes;
    }
    const double room = share * static_cast<double>(device.memory_bytes - device.reserve_bytes);
    if (first == nullptr || all.all() <= room || !states_memory(doc, device.name)) continue;
    const auto text = [](double bytes) { return bytes_in_short(static_cast<std::int64_t>(std::min(bytes, 9e18))); };
    found.add(first->pos,
              fmt::format("'{}' would hold {} of weights and {} of a batch, and has room for {}", device.name,
                          text(all.weight_bytes), text(all.activation_bytes), text(room)),
              "choose a larger device or a smaller batch");
  }
}

}  // namespace

void check_swarm(const Graph& graph, const DocNode& doc, Diagnostics& found) {
  const Swarm swarm = read_swarm(doc, found);
  const DocNode* map = find_path(doc, "placement.map");
  if (swarm.devices.empty() || map == nullptr || !map->is_map()) return;
  const std::vector<Placed> placed = placed_modules(graph, *map, swarm);
  // A mistake anywhere may be what makes a module too large or a path missing: it is told first, and alone.
  if (!found.empty()) return;
  check_paths(placed, swarm, found);
  check_memory(graph, doc, placed, swarm, found);
}

}  // namespace cleave
