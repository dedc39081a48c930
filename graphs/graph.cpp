#include "graphs/graph.h"

#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "ops/core/rng.h"
#include "ops/core/weight_grid.h"
#include "ops/defs/common.h"

namespace cleave {

namespace {

// Real ones normal, those on a grid uniform, but quantized ones the level nearest to a real one.
float draw_weight(Rng& rng, const WeightType& type, const WeightGrid& grid, double deviation) {
  if (grid.is_real()) return static_cast<float>(deviation * rng.normal());
  if (type.grid == WeightType::Grid::quantized) return grid.value(grid.nearest(deviation * rng.normal()));
  return grid.value(rng.below(grid.levels));
}

std::vector<float> initial_array(const WeightSlot& slot, const WeightSlot& kernel, const WeightType& type, Rng& rng) {
  std::vector<float> values(static_cast<std::size_t>(element_count(slot.shape)), slot.initial);
  const auto inputs = static_cast<double>(element_count(kernel.shape) / kernel.shape.front());
  if (slot.role == Role::scale) values.assign(values.size(), static_cast<float>(1.0 / std::sqrt(inputs)));
  if (slot.role != Role::kernel) return values;
  const WeightGrid grid = kernel_grid(type, slot.shape);
  const double deviation = start_deviation(type, kernel.shape);
  for (float& value : values) value = draw_weight(rng, type, grid, deviation);
  return values;
}

struct Fnv1a {
  std::uint64_t hash = 0xcbf29ce484222325U;
  void add(std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3U; }
  void add(const std::string& text) {
    for (const char c : text) add(static_cast<std::uint8_t>(c));
    add(std::uint8_t{0});
  }
  void add(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) add(static_cast<std::uint8_t>(bits >> shift));
  }
};

}  // namespace

std::vector<NodeId> op_inputs(const Node& node) {
  std::vector<NodeId> inputs = node.inputs;
  if (node.epilogue.add != NodeId::none) inputs.pop_back();
  return inputs;
}

std::vector<TensorType> input_types(const Graph& graph, const Node& node) {
  std::vector<TensorType> types;
  for (const NodeId id : op_inputs(node)) types.push_back(graph.node(id).type);
  return types;
}

bool rounds(const Graph& graph, const Node& node) {
  if (node.op == nullptr || node.type.dtype != DType::f16) return false;
  return node.op->infer(node.params, input_types(graph, node)).dtype != DType::f16;
}

std::int64_t weight_count(const Node& node) {
  std::int64_t count = 0;
  for (const WeightSlot& slot : node.weights)
    if (slot.role != Role::statistic) count += element_count(slot.shape);
  return count;
}

std::int64_t weight_count(const Graph& graph) {
  std::int64_t count = 0;
  for (const Node& node : graph.nodes) count += weight_count(node);
  return count;
}

std::int64_t weight_bytes(const Node& node) { return weight_bytes(node.weights, node.weight_type); }

std::int64_t output_bytes(const Node& node) { return byte_count(node.type.dtype, element_count(node.type.shape)); }

Cost total_cost(const Graph& graph) {
  Cost total;
  for (const Node& node : graph.nodes) total += node.cost;
  return total;
}

std::vector<std::string> check_graph(const Graph& graph) {
  std::vector<std::string> faults;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    for (const NodeId input : node.inputs)
      if (input == NodeId::none || index_of(input) >= i)
        faults.push_back(fmt::format("node {} '{}' reads a node that does not come before it", i, node.name));
    if (!faults.empty() || node.op == nullptr) continue;
    const TensorType type = node.op->infer(node.params, input_types(graph, node));
    if (type.shape != node.type.shape)
      faults.push_back(fmt::format("node '{}' has shape {}, its op says {}", node.name, to_text(node.type.shape),
                                   to_text(type.shape)));
  }
  for (const Module& module : graph.modules)
    if (module.body == NodeId::none || index_of(module.body) >= graph.nodes.size())
      faults.push_back(fmt::format("module '{}' has no output", module.name));
  if (graph.output == NodeId::none) faults.emplace_back("the graph has no output");
  return faults;
}

Weights initial_weights(const Graph& graph, std::uint64_t seed) {
  Weights weights(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    Rng rng(seed, kInitStream, i);
    weights[i].type = node.weight_type;
    for (const WeightSlot& slot : node.weights)
      weights[i].arrays.push_back(initial_array(slot, node.weights.front(), node.weight_type, rng));
  }
  return weights;
}

std::string weights_hash(const Graph& graph, const Weights& weights) {
  Fnv1a hash;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    for (std::size_t a = 0; a < node.weights.size(); ++a) {
      hash.add(node.name + "." + node.weights[a].name + " " + to_text(node.weights[a].shape));
      for (const float value : weights[i].arrays[a]) hash.add(value);
    }
  }
  return fmt::format("{:016x}", hash.hash);
}

std::string structure_hash(const Graph& graph) {
  Fnv1a hash;
  for (const Node& node : graph.nodes) {
    hash.add(fmt::format("{}|{}|{}|{}|{}|", node.name, node.op == nullptr ? "input" : node.op->name,
                         to_text(node.params), to_text(node.type), to_text(node.weight_type)));
    for (const NodeId input : node.inputs) hash.add(fmt::format("{},", index_of(input)));
  }
  for (const Module& module : graph.modules)
    hash.add(fmt::format("{}|{}|{}|{}|{};", module.name, static_cast<int>(module.input), static_cast<int>(module.body),
                         static_cast<int>(module.head), to_text(module.send)));
  return fmt::format("{:016x}", hash.hash);
}

}  // namespace cleave
