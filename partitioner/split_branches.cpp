// Branches: the "unzipped" head (Gacoin et al. 2019, section II.B, figure 1). Each of n branches has 1/n of the filters
// of every layer and reads nothing of the other branches; the first layers read the whole input. A layer between two
// divided ones so keeps 1/n of its weights: the diagonal blocks of its kernel. That is another function than before.
#include <fmt/format.h>

#include "partitioner/split_builder.h"

namespace cleave {

namespace {

// What of a node's channels branch `i` has: those its inputs bring, or the i-th 1/ways of a layer's filters.
std::vector<std::int64_t> branch_channels(const SplitBuilder& builder, const Node& before, const Node& node,
                                          std::int64_t i) {
  std::vector<std::vector<std::int64_t>> inputs;
  for (const NodeId input : node.inputs) inputs.push_back(builder.channels(input));
  std::vector<std::int64_t> channels;
  if (!has_kernel(before)) channels = carried_channels(inputs, input_types(builder.graph(), before), before.type);
  if (!channels.empty()) return channels;
  const std::int64_t count = channels_of(before.type.shape) / builder.ways();
  for (std::int64_t c = i * count; c < (i + 1) * count; ++c) channels.push_back(c);
  return channels;
}

// Adds branch `i`; returns its last node.
NodeId add_branch(SplitBuilder& builder, std::int64_t i) {
  const std::size_t count = index_of(builder.to()) + 1;
  std::vector<NodeId> made(count, NodeId{0});
  std::vector<bool> divided(count, false);  // into 1/ways of the channels
  for (std::size_t n = 1; n < count; ++n) {
    const NodeId id{static_cast<std::int32_t>(n)};
    if (!builder.is_before(id)) continue;
    const Node& before = builder.graph().node(id);
    Node node = before;
    bool any_divided = false;
    for (NodeId& input : node.inputs) {
      any_divided = any_divided || divided[index_of(input)];
      input = made[index_of(input)];
    }
    divided[n] = any_divided || has_kernel(node);
    try {
      if (node.op->branch != nullptr) node.params = node.op->branch(node.params, builder.ways(), !any_divided);
    } catch (const OpError& error) {
      builder.refuse(before, error.what());
    }
    const std::vector<std::int64_t> channels =
        divided[n] ? branch_channels(builder, before, node, i) : std::vector<std::int64_t>{};
    made[n] = builder.add(std::move(node), static_cast<int>(i), id, channels);
    Shape wanted = before.type.shape;
    if (divided[n]) wanted.front() /= builder.ways();
    const Shape& got = builder.made().node(made[n]).type.shape;
    if (got != wanted || (divided[n] && channels_of(before.type.shape) % builder.ways() != 0))
      builder.refuse(before, fmt::format("gives {} in each of {} branches, which do not make {}", to_text(got),
                                         builder.ways(), to_text(before.type.shape)));
  }
  if (!divided.back()) builder.refuse("there is no layer with filters to divide");
  return made.back();
}

}  // namespace

SplitGraph split_branches(const Graph& graph, NodeId to, std::int64_t ways) {
  SplitBuilder builder(graph, to, ways);
  std::vector<NodeId> outputs;
  for (std::int64_t i = 0; i < ways; ++i) outputs.push_back(add_branch(builder, i));
  return builder.finish(std::move(outputs), PartAxis::channels);
}

}  // namespace cleave
