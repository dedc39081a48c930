#include "partitioner/split_builder.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "ops/core/catalog.h"

namespace cleave {

namespace {

using Channels = std::vector<std::int64_t>;

// Of concat: the inputs' channels one behind the other.
Channels joined_channels(const std::vector<Channels>& inputs, const std::vector<TensorType>& from) {
  Channels all;
  std::int64_t done = 0;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const std::int64_t count = channels_of(from[k].shape);
    Channels part = inputs[k];
    if (part.empty()) {
      part.resize(static_cast<std::size_t>(count));
      std::iota(part.begin(), part.end(), std::int64_t{0});
    }
    for (const std::int64_t c : part) all.push_back(done + c);
    done += count;
  }
  return all;
}

bool is_identity(const Channels& channels, std::int64_t count) {
  if (std::ssize(channels) != count) return false;
  for (std::int64_t c = 0; c < count; ++c)
    if (channels[static_cast<std::size_t>(c)] != c) return false;
  return true;
}

}  // namespace

bool has_kernel(const Node& node) {
  return std::any_of(node.weights.begin(), node.weights.end(),
                     [](const WeightSlot& slot) { return slot.role == Role::kernel; });
}

std::vector<NodeId> outputs_of(const Graph& graph) {
  std::vector<NodeId> outputs = {graph.output};
  for (const Module& module : graph.modules)
    for (const NodeId id : {module.body, module.head})
      if (id != NodeId::none) outputs.push_back(id);
  return outputs;
}

std::vector<bool> with_ancestors(const Graph& graph, const std::vector<NodeId>& ids) {
  std::vector<bool> marked(graph.nodes.size(), false);
  for (const NodeId id : ids) marked[index_of(id)] = true;
  for (std::size_t i = graph.nodes.size(); i-- > 0;)
    if (marked[i])
      for (const NodeId input : graph.nodes[i].inputs) marked[index_of(input)] = true;
  return marked;
}

Channels carried_channels(const std::vector<Channels>& inputs, const std::vector<TensorType>& from,
                          const TensorType& to) {
  if (std::all_of(inputs.begin(), inputs.end(), [](const Channels& part) { return part.empty(); })) return {};
  const std::int64_t count = channels_of(to.shape);
  const std::int64_t first = channels_of(from.front().shape);
  if (count == first) return inputs.front();
  if (inputs.size() > 1) return joined_channels(inputs, from);
  if (is_image(to.shape) || !is_image(from.front().shape) || count != element_count(from.front().shape)) return {};
  Channels flat;
  const std::int64_t pixels = pixels_of(from.front().shape);
  for (const std::int64_t c : inputs.front())
    for (std::int64_t p = 0; p < pixels; ++p) flat.push_back(c * pixels + p);
  return flat;
}

SplitBuilder::SplitBuilder(const Graph& graph, NodeId to, std::int64_t ways) : graph_(graph), to_(to), ways_(ways) {
  const std::string reason = why_not_split_at(graph, to);
  if (to == NodeId::none || index_of(to) >= graph.nodes.size()) throw OpError("cannot split: " + reason);
  if (!reason.empty()) refuse(reason);
  if (ways < 2) refuse(fmt::format("needs at least 2 shares, got {}", ways));
  before_ = with_ancestors(graph, {to});
  split_.graph.name = graph.name;
  split_.graph.loss = graph.loss;
  split_.graph.nodes.push_back(graph.nodes.front());
  split_.share_of.push_back(-1);
  split_.origin.push_back(NodeId{0});
  split_.channels.emplace_back();
}

void SplitBuilder::refuse(const std::string& what) const {
  throw OpError(fmt::format("cannot split at '{}': {}", target().name, what));
}

void SplitBuilder::refuse(const Node& node, const std::string& what) const {
  refuse(fmt::format("'{}' ({}) {}", node.name, node.op->name, what));
}

NodeId SplitBuilder::add(Node node, int share, NodeId origin, Channels channels) {
  std::vector<TensorType> types;
  for (const NodeId input : node.inputs) types.push_back(made().node(input).type);
  const DType before = node.type.dtype;
  try {
    node.type = node.op->infer(node.params, types);
    if (before != DType::f32 && node.type.dtype == DType::f32)
      node.type.dtype = before;  // rounded for a module's `send`
    if (node.op->weights != nullptr) node.weights = node.op->weights(node.params, types, node.weight_type);
  } catch (const OpError& error) {
    refuse(node, error.what());
  }
  node.cost = node.op->cost(node.params, types, node.type, node.weight_type, 1);
  if (share >= 0) node.name += fmt::format("@{}", share + 1);
  split_.graph.nodes.push_back(std::move(node));
  split_.share_of.push_back(share);
  split_.origin.push_back(origin);
  split_.channels.push_back(std::move(channels));
  return NodeId{static_cast<std::int32_t>(split_.graph.nodes.size() - 1)};
}

SplitGraph SplitBuilder::finish(std::vector<NodeId> outputs, PartAxis axis) {
  split_.outputs = std::move(outputs);
  split_.join = add_join(axis);
  add_rest(split_.join);
  return std::move(split_);
}

NodeId SplitBuilder::add_join(PartAxis axis) {
  Node join;
  join.name = target().name;
  join.op = find(op_catalog(), "concat");
  join.params.set("axis", static_cast<std::int64_t>(axis));
  join.inputs = split_.outputs;
  join.module = target().module;
  join.part = target().part;
  join.pos = target().pos;
  Channels channels;
  if (axis == PartAxis::channels)
    for (const NodeId output : split_.outputs)
      channels.insert(channels.end(), this->channels(output).begin(), this->channels(output).end());
  if (is_identity(channels, channels_of(target().type.shape))) channels.clear();
  const NodeId id = add(std::move(join), -1, to_, std::move(channels));
  assert(made().node(id).type.shape == target().type.shape);
  split_.graph.node(id).type = target().type;
  return id;
}

// The nodes behind `to`, in the order they had: each reads `to` or another of them.
void SplitBuilder::add_rest(NodeId join) {
  const std::vector<bool> alive = with_ancestors(graph_, outputs_of(graph_));
  std::vector<NodeId> moved(graph_.nodes.size(), NodeId{0});
  moved[index_of(to_)] = join;
  for (std::size_t i = index_of(to_) + 1; i < graph_.nodes.size(); ++i) {
    if (!alive[i]) continue;
    Node node = graph_.nodes[i];
    std::vector<Channels> inputs;
    for (NodeId& input : node.inputs) {
      input = moved[index_of(input)];
      inputs.push_back(channels(input));
    }
    Channels carried =
        has_kernel(node) ? Channels{} : carried_channels(inputs, input_types(graph_, graph_.nodes[i]), node.type);
    moved[i] = add(std::move(node), -1, NodeId{static_cast<std::int32_t>(i)}, std::move(carried));
  }
  set_modules(moved);
}

// `moved` says where a node is now; 0 for those in the shares.
void SplitBuilder::set_modules(const std::vector<NodeId>& moved) {
  const std::size_t first = target().module == ModuleId::none ? 0 : index_of(target().module);
  for (std::size_t m = first; m < graph_.modules.size(); ++m) {
    Module module = graph_.modules[m];
    for (NodeId* id : {&module.input, &module.body, &module.head})
      if (*id != NodeId::none) *id = moved[index_of(*id)];
    split_.graph.modules.push_back(std::move(module));
  }
  for (Node& node : split_.graph.nodes)
    if (node.module != ModuleId::none)
      node.module = ModuleId{static_cast<std::int32_t>(std::max(index_of(node.module), first) - first)};
  split_.graph.output = moved[index_of(graph_.output)];
}

}  // namespace cleave
