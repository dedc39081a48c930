// Rewriting by absorption. Where a node's only reader can take over its work (a batch norm folded into a convolution,
// an activation done where the product is stored), the reader's place in the list is given to the merged node and the
// old one dies. Keeping the reader's place keeps the order topological: everything either of them reads comes before
// it. A node whose value somebody outside reads (a module's body or head) is never absorbed, nor one that rounds to
// f16: what follows would then be done before the rounding.
#include "graphs/passes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace cleave {

namespace {

std::vector<int> count_readers(const Graph& graph) {
  std::vector<int> readers(graph.nodes.size(), 0);
  for (const Node& node : graph.nodes)
    for (const NodeId input : node.inputs) ++readers[index_of(input)];
  return readers;
}

bool is_visible(const Graph& graph, NodeId id) {
  return id == NodeId{0} || id == graph.output ||
         std::any_of(graph.modules.begin(), graph.modules.end(), [&](const Module& module) {
           return module.body == id || module.head == id || module.input == id;
         });
}

bool has_kernel(const Node& node) {
  return std::any_of(node.weights.begin(), node.weights.end(),
                     [](const WeightSlot& slot) { return slot.role == Role::kernel; });
}

// Makes everything that reads `from` read `to`.
void redirect(Graph& graph, NodeId from, NodeId to) {
  for (Node& node : graph.nodes) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
  for (Node& node : graph.nodes)
    if (node.epilogue.add == from) node.epilogue.add = to;
  for (Module& module : graph.modules)
    for (NodeId* id : {&module.input, &module.body, &module.head})
      if (*id == from) *id = to;
  if (graph.output == from) graph.output = to;
}

// Removes the nodes without a mark and renumbers the others.
void keep_only(Graph& graph, Weights& weights, const std::vector<bool>& keep) {
  std::vector<NodeId> renamed(graph.nodes.size(), NodeId::none);
  std::vector<Node> nodes;
  Weights kept;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!keep[i]) continue;
    renamed[i] = NodeId{static_cast<std::int32_t>(nodes.size())};
    nodes.push_back(std::move(graph.nodes[i]));
    if (!weights.empty()) kept.push_back(std::move(weights[i]));
  }
  const auto rename = [&](NodeId& id) {
    if (id != NodeId::none) id = renamed[index_of(id)];
  };
  for (Node& node : nodes) {
    for (NodeId& input : node.inputs) rename(input);
    rename(node.epilogue.add);
  }
  for (Module& module : graph.modules) {
    rename(module.input);
    rename(module.body);
    rename(module.head);
  }
  rename(graph.output);
  graph.nodes = std::move(nodes);
  weights = std::move(kept);
}

void drop_dead_nodes(Graph& graph, Weights& weights) {
  std::vector<bool> alive(graph.nodes.size(), false);
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    if (is_visible(graph, NodeId{static_cast<std::int32_t>(i)})) alive[i] = true;
    if (!alive[i]) continue;
    for (const NodeId input : graph.nodes[i].inputs) alive[index_of(input)] = true;
  }
  if (std::find(alive.begin(), alive.end(), false) != alive.end()) keep_only(graph, weights, alive);
}

bool is_op(const Node& node, std::string_view name) { return node.op != nullptr && node.op->name == name; }

void drop_dropout(Graph& graph, Weights& weights) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (is_op(graph.nodes[i], "dropout") && !rounds(graph, graph.nodes[i]))
      redirect(graph, NodeId{static_cast<std::int32_t>(i)}, graph.nodes[i].inputs[0]);
  drop_dead_nodes(graph, weights);
}

std::size_t slot_of(const Node& node, std::string_view name) {
  std::size_t i = 0;
  while (i < node.weights.size() && node.weights[i].name != name) ++i;
  return i;
}

// Puts the merged node into the reader's place; the producer is left without readers.
void absorb(Graph& graph, Weights& weights, NodeId producer, NodeId reader) {
  Node merged = graph.node(producer);
  merged.type = graph.node(reader).type;
  merged.cost += graph.node(reader).cost;
  graph.node(reader) = std::move(merged);
  if (!weights.empty()) weights[index_of(reader)] = std::move(weights[index_of(producer)]);
}

// Gives the node a bias if it has none.
void add_bias(Node& node, std::int64_t filters) {
  if (slot_of(node, "bias") < node.weights.size()) return;
  node.weights.push_back({"bias", Role::bias, {filters}, 0});
  node.params.set("bias", true);
}

// Gives a layer of weights -1, 0 and 1 a scale per filter if it has none: what is multiplied in then leaves them such.
void add_scale(Node& node, LayerWeights* layer, std::int64_t filters) {
  WeightType& type = node.weight_type;
  if (type.scale_per_filter || !(type.is_binary() || type.grid == WeightType::Grid::ternary)) return;
  type.scale_per_filter = true;
  node.weights.insert(node.weights.begin() + 1, {"scale", Role::scale, {filters}, 1});
  if (layer == nullptr) return;
  layer->type = type;
  layer->arrays.insert(layer->arrays.begin() + 1, std::vector<float>(static_cast<std::size_t>(filters), 1.0F));
}

// y = (w x + b - mean)/sqrt(var + eps)·gain + shift becomes (f w) x + (b - mean) f + shift, f = gain/sqrt(var + eps).
void scale_filters(const Node& norm, const LayerWeights& stats, const Node& node, LayerWeights& layer) {
  const auto filters = static_cast<std::size_t>(channels_of(norm.type.shape));
  if (layer.arrays.size() < node.weights.size()) layer.arrays.emplace_back(filters, 0.0F);
  const std::size_t scaled = node.weight_type.scale_per_filter ? slot_of(node, "scale") : slot_of(node, "weight");
  const auto array = [&](const char* name) -> const std::vector<float>& { return stats.arrays[slot_of(norm, name)]; };
  std::vector<float>& bias = layer.arrays[slot_of(node, "bias")];
  std::vector<float>& kernel = layer.arrays[scaled];
  const std::size_t per_filter = kernel.size() / filters;
  const double epsilon = norm.params.real("epsilon", 1e-5);
  for (std::size_t f = 0; f < filters; ++f) {
    const double factor = array("weight")[f] / std::sqrt(array("running_var")[f] + epsilon);
    for (std::size_t k = 0; k < per_filter; ++k)
      kernel[f * per_filter + k] = static_cast<float>(kernel[f * per_filter + k] * factor);
    bias[f] = static_cast<float>((bias[f] - array("running_mean")[f]) * factor + array("bias")[f]);
  }
}

void fold_into(Graph& graph, Weights& weights, NodeId producer, NodeId norm) {
  const Node norm_node = graph.node(norm);
  const LayerWeights stats = weights.empty() ? LayerWeights{} : weights[index_of(norm)];
  absorb(graph, weights, producer, norm);
  const std::int64_t filters = channels_of(norm_node.type.shape);
  add_scale(graph.node(norm), weights.empty() ? nullptr : &weights[index_of(norm)], filters);
  add_bias(graph.node(norm), filters);
  if (!weights.empty()) scale_filters(norm_node, stats, graph.node(norm), weights[index_of(norm)]);
}

void fold_batch_norm(Graph& graph, Weights& weights) {
  const std::vector<int> readers = count_readers(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!is_op(graph.nodes[i], "batch_norm")) continue;
    const NodeId producer = graph.nodes[i].inputs[0];
    const Node& node = graph.node(producer);
    const bool scalable = node.weight_type.grid == WeightType::Grid::real || node.weight_type.scale_per_filter;
    if (!has_kernel(node) || !scalable || readers[index_of(producer)] != 1 || is_visible(graph, producer)) continue;
    if (node.epilogue != Epilogue{} || node.type.dtype == DType::f16) continue;
    fold_into(graph, weights, producer, NodeId{static_cast<std::int32_t>(i)});
  }
  drop_dead_nodes(graph, weights);
}

bool can_fuse(const Graph& graph, const std::vector<int>& readers, NodeId producer) {
  const Node& node = graph.node(producer);
  return has_kernel(node) && readers[index_of(producer)] == 1 && !is_visible(graph, producer) &&
         node.epilogue.activation == nullptr && node.type.dtype != DType::f16;
}

// add(producer, other) becomes the producer with `other` added where it stores.
void fuse_add(Graph& graph, Weights& weights, const std::vector<int>& readers, NodeId id) {
  const Node add = graph.node(id);
  if (add.inputs.size() != 2 || add.inputs[0] == add.inputs[1]) return;
  for (const std::size_t which : {std::size_t{0}, std::size_t{1}}) {
    const NodeId producer = add.inputs[which];
    if (!can_fuse(graph, readers, producer) || graph.node(producer).epilogue.add != NodeId::none) continue;
    absorb(graph, weights, producer, id);
    Node& merged = graph.node(id);
    merged.epilogue.add = add.inputs[1 - which];
    merged.inputs.push_back(merged.epilogue.add);
    return;
  }
}

void fuse_epilogues(Graph& graph, Weights& weights) {
  const std::vector<int> readers = count_readers(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const NodeId id{static_cast<std::int32_t>(i)};
    const OpDef* op = graph.nodes[i].op;
    if (op == nullptr || has_kernel(graph.nodes[i])) continue;
    if (is_op(graph.nodes[i], "add")) fuse_add(graph, weights, readers, id);
    else if (op->elementwise) {
      const NodeId producer = graph.nodes[i].inputs[0];
      if (!can_fuse(graph, readers, producer)) continue;
      Params params = graph.nodes[i].params;
      absorb(graph, weights, producer, id);
      graph.nodes[i].epilogue.activation = op;
      graph.nodes[i].epilogue.activation_params = std::move(params);
    }
  }
  drop_dead_nodes(graph, weights);
}

constexpr std::array kPasses = {
    Pass{"drop_dropout", "dropout is the identity when run", drop_dropout},
    Pass{"drop_dead_nodes", "nodes no output depends on", drop_dead_nodes},
    Pass{"fold_batch_norm", "batch norm into the weights of the layer before it", fold_batch_norm},
    Pass{"fuse_epilogues", "residual add and activation into the layer that produces their input", fuse_epilogues},
};

}  // namespace

std::span<const Pass> pass_catalog() { return kPasses; }

void run_passes(Graph& graph, Weights& weights) {
  for (const Pass& pass : kPasses) pass.run(graph, weights);
}

}  // namespace cleave
