// Exact splits. Share i computes a range of the output of the node split at: channels (`filters`) or rows (`tiles`).
//
// What that takes is found backwards: each op says which ranges of its inputs a range of its output is made of
// (OpDef::part), and what several readers in a share want of one node is computed once, as the smallest range that
// holds it all. For rows the ranges grow by half a kernel at each layer, the halo; padding is left only where a band
// ends at the border of the image. A convolution or dense layer reads all channels of its input, so before the last
// layers with filters every share of `filters` computes everything.
//
// Then the share is written forwards; where a reader wants less than was computed, a slice stands between. Each value
// is computed from the same numbers in the same order as before the split, so the results have the same bits.
// O(ways · (nodes + edges)).
#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "ops/core/catalog.h"
#include "partitioner/split_builder.h"

namespace cleave {

namespace {

Range whole(const Shape& shape, PartAxis axis) { return {0, size_along(shape, axis)}; }

Range hull(const Range& a, const Range& b) {
  if (a.empty()) return b;
  return b.empty() ? a : Range{std::min(a.from, b.from), std::max(a.to, b.to)};
}

OpPart part_of(const SplitBuilder& builder, const Node& node, PartAxis axis, Range wanted) {
  const std::vector<TensorType> types = input_types(builder.graph(), node);
  if (wanted == whole(node.type.shape, axis)) {
    OpPart all{node.params, wanted, {}};
    for (const TensorType& type : types) all.inputs.push_back(whole(type.shape, axis));
    return all;
  }
  try {
    if (node.op->part == nullptr)
      throw OpError(axis == PartAxis::rows ? "needs the whole image" : "needs all channels");
    return node.op->part(node.params, types, axis, wanted);
  } catch (const OpError& error) {
    builder.refuse(node, error.what());
  }
}

class Share {
 public:
  Share(SplitBuilder& builder, PartAxis axis, int index)
      : builder_(builder), axis_(axis), index_(index), wanted_(index_of(builder.to()) + 1) {}

  // Adds the share that computes `wanted` of the node split at; returns its last node.
  NodeId add(Range wanted) {
    parts_.resize(wanted_.size());
    wanted_.back() = wanted;
    for (std::size_t i = wanted_.size(); i-- > 1;)
      if (!wanted_[i].empty()) want_inputs(i);
    made_.assign(wanted_.size(), NodeId{0});
    computed_.assign(wanted_.size(), whole(builder_.graph().nodes.front().type.shape, axis_));
    made_.front() = read(NodeId{0}, wanted_.front());
    computed_.front() = wanted_.front();
    for (std::size_t i = 1; i < wanted_.size(); ++i)
      if (parts_[i]) add_node(i);
    return read(builder_.to(), wanted);
  }

 private:
  void want_inputs(std::size_t i) {
    const Node& node = builder_.graph().nodes[i];
    parts_[i] = part_of(builder_, node, axis_, wanted_[i]);
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      Range& input = wanted_[index_of(node.inputs[k])];
      input = hull(input, parts_[i]->inputs[k]);
    }
  }

  void add_node(std::size_t i) {
    Node node = builder_.graph().nodes[i];
    const std::vector<NodeId> inputs = std::exchange(node.inputs, {});
    for (std::size_t k = 0; k < inputs.size(); ++k)
      if (!parts_[i]->inputs[k].empty()) node.inputs.push_back(read(inputs[k], parts_[i]->inputs[k]));
    node.params = parts_[i]->params;
    computed_[i] = parts_[i]->computed;
    const NodeId id{static_cast<std::int32_t>(i)};
    made_[i] = builder_.add(std::move(node), index_, id, channels_in(id, computed_[i]));
  }

  // As SplitGraph::channels says it.
  std::vector<std::int64_t> channels_in(NodeId id, Range range) const {
    if (axis_ == PartAxis::rows || range == whole(builder_.graph().node(id).type.shape, axis_)) return {};
    std::vector<std::int64_t> channels(static_cast<std::size_t>(range.size()));
    std::iota(channels.begin(), channels.end(), range.from);
    return channels;
  }

  // The node that gives `range` of what `id` was before the split.
  NodeId read(NodeId id, Range range) {
    const Range computed = computed_[index_of(id)];
    if (range == computed) return made_[index_of(id)];
    const auto [place, fresh] = slices_.try_emplace({id, range.from, range.to});
    if (!fresh) return place->second;
    const Node& from = builder_.graph().node(id);
    const Node& like = id == NodeId{0} ? builder_.target() : from;
    Node slice;
    slice.name =
        fmt::format("{}/{}_{}_{}", from.name, axis_ == PartAxis::rows ? "rows" : "channels", range.from, range.to - 1);
    slice.op = find(op_catalog(), "slice");
    slice.params.set("axis", static_cast<std::int64_t>(axis_));
    slice.params.set("from", range.from - computed.from);
    slice.params.set("to", range.to - computed.from);
    slice.inputs = {made_[index_of(id)]};
    slice.module = like.module;
    slice.part = like.part;
    slice.pos = like.pos;
    return place->second = builder_.add(std::move(slice), index_, id, channels_in(id, range));
  }

  SplitBuilder& builder_;
  PartAxis axis_;
  int index_;
  std::vector<Range> wanted_;                 // by node of the unsplit graph
  std::vector<std::optional<OpPart>> parts_;  // none = not in this share
  std::vector<NodeId> made_;                  // of the split graph
  std::vector<Range> computed_;               // what `made_` gives
  std::map<std::tuple<NodeId, std::int64_t, std::int64_t>, NodeId> slices_;
};

SplitGraph split_along(const Graph& graph, NodeId to, std::int64_t ways, PartAxis axis) {
  SplitBuilder builder(graph, to, ways);
  const Shape& shape = builder.target().type.shape;
  if (axis == PartAxis::rows && !is_image(shape)) builder.refuse("it gives a vector, which has no rows");
  const std::int64_t size = size_along(shape, axis);
  if (size < ways)
    builder.refuse(fmt::format("its output has {} {}{}, too few for {} shares", size,
                               axis == PartAxis::rows ? "row"
                               : is_image(shape)      ? "channel"
                                                      : "unit",
                               size == 1 ? "" : "s", ways));
  std::vector<NodeId> outputs;
  for (std::int64_t i = 0; i < ways; ++i)
    outputs.push_back(Share(builder, axis, static_cast<int>(i)).add({i * size / ways, (i + 1) * size / ways}));
  return builder.finish(std::move(outputs), axis);
}

}  // namespace

SplitGraph split_filters(const Graph& graph, NodeId to, std::int64_t ways) {
  return split_along(graph, to, ways, PartAxis::channels);
}

SplitGraph split_tiles(const Graph& graph, NodeId to, std::int64_t ways) {
  return split_along(graph, to, ways, PartAxis::rows);
}

}  // namespace cleave
