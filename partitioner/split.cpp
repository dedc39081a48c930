// Where a network can be split, and how its weights are shared out. A share is made of parts of nodes: some of a
// layer's filters, and of their inputs (SplitGraph::channels). All kinds of split keep that account, so one function
// shares out the weights for all of them: rows of a kernel by the node's own channels, columns by its input's.
#include "partitioner/split.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "partitioner/split_builder.h"

namespace cleave {

namespace {

// The values of `all` at the rows and columns wanted (empty = all) of a matrix of cells of `cell` values.
std::vector<float> block(const std::vector<float>& all, std::int64_t all_columns, std::int64_t cell,
                         const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>& columns) {
  std::vector<float> values;
  const std::int64_t row_size = all_columns * cell;
  const std::int64_t row_count = rows.empty() ? static_cast<std::int64_t>(all.size()) / row_size : std::ssize(rows);
  for (std::int64_t r = 0; r < row_count; ++r) {
    const float* row = all.data() + (rows.empty() ? r : rows[static_cast<std::size_t>(r)]) * row_size;
    if (columns.empty()) values.insert(values.end(), row, row + row_size);
    for (const std::int64_t c : columns) values.insert(values.end(), row + c * cell, row + (c + 1) * cell);
  }
  return values;
}

LayerWeights shared_out(const Node& before, const LayerWeights& weights, const Node& node,
                        const std::vector<std::int64_t>& filters, const std::vector<std::int64_t>& inputs) {
  LayerWeights part{weights.type, {}};
  for (std::size_t a = 0; a < node.weights.size(); ++a) {
    const Shape& all = before.weights[a].shape;
    const bool kernel = node.weights[a].role == Role::kernel;
    // With groups a filter's inputs are its group's, however many groups there are.
    const bool all_inputs = !kernel || inputs.empty() || (before.params.integer("groups", 1) > 1);
    const std::int64_t columns = kernel ? all[1] : 1;
    part.arrays.push_back(block(weights.arrays[a], columns, element_count(all) / all[0] / columns, filters,
                                all_inputs ? std::vector<std::int64_t>{} : inputs));
  }
  return part;
}

Weights split_weights(const Graph& graph, const SplitGraph& split, const Weights& weights) {
  Weights parts(split.graph.nodes.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Node& node = split.graph.nodes[i];
    const NodeId origin = split.origin[i];
    parts[i].type = node.weight_type;
    if (node.weights.empty()) continue;
    parts[i] = shared_out(graph.node(origin), weights[index_of(origin)], node, split.channels[i],
                          split.channels[index_of(node.inputs.front())]);
  }
  return parts;
}

constexpr std::array kSplits = {
    SplitDef{"branches", "independent branches of 1/n of the filters each (changes the function)", false,
             split_branches, split_weights},
    SplitDef{"filters", "shares of a layer's filters (exact)", true, split_filters, split_weights},
    SplitDef{"tiles", "bands of image rows (exact)", true, split_tiles, split_weights},
};

}  // namespace

std::span<const SplitDef> split_catalog() { return kSplits; }

std::string why_not_split_at(const Graph& graph, NodeId to) {
  if (to == NodeId::none || index_of(to) >= graph.nodes.size()) return "there is no such layer";
  if (to == NodeId{0}) return "nothing is computed before it";
  for (const Node& node : graph.nodes)
    if (node.epilogue != Epilogue{})
      return fmt::format("'{}' is fused with what follows it: split before the passes", node.name);
  const std::vector<bool> before = with_ancestors(graph, {to});
  const std::vector<bool> alive = with_ancestors(graph, outputs_of(graph));
  if (!with_ancestors(graph, {graph.output})[index_of(to)]) return "the network's output does not depend on it";
  for (const Module& module : graph.modules)
    if (module.head != NodeId::none && module.head != to && before[index_of(module.head)])
      return fmt::format("the head of module '{}' stands before it", module.name);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (before[i] || !alive[i]) continue;
    for (const NodeId input : node.inputs)
      if (input != to && before[index_of(input)])
        return fmt::format("'{}' reads '{}', which stands before it", node.name, graph.node(input).name);
  }
  return "";
}

}  // namespace cleave
