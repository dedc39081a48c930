#include "engine/runtime/sub_graph.h"

#include <algorithm>

namespace cleave {

namespace {

NodeId id_of(std::size_t index) { return NodeId{static_cast<std::int32_t>(index)}; }

// By node: the last one that reads it; behind the graph's end for what a module gives.
std::vector<std::size_t> last_readers(const Graph& graph) {
  std::vector<std::size_t> last(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (const NodeId input : graph.nodes[i].inputs) last[index_of(input)] = i;
  return last;
}

std::vector<bool> given_by_modules(const Graph& graph) {
  std::vector<bool> given(graph.nodes.size());
  const auto mark = [&](NodeId id) {
    if (id != NodeId::none) given[index_of(id)] = true;
  };
  mark(graph.output);
  for (const Module& module : graph.modules) {
    mark(module.body);
    mark(module.head);
  }
  return given;
}

// By node: some node outside `inside` reads it, or a module gives it.
std::vector<bool> read_outside(const Graph& graph, const std::vector<bool>& inside) {
  std::vector<bool> read = given_by_modules(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (!inside[i])
      for (const NodeId input : graph.nodes[i].inputs) read[index_of(input)] = true;
  return read;
}

}  // namespace

SubGraph sub_graph(const Graph& graph, const Weights& weights, const std::vector<NodeId>& nodes,
                   const std::vector<NodeId>& also_in) {
  SubGraph part;
  part.inputs = also_in;
  std::vector<bool> inside(graph.nodes.size());
  for (const NodeId id : nodes) inside[index_of(id)] = true;
  for (const NodeId id : nodes)
    for (const NodeId input : graph.node(id).inputs)
      if (!inside[index_of(input)]) part.inputs.push_back(input);
  std::sort(part.inputs.begin(), part.inputs.end());
  part.inputs.erase(std::unique(part.inputs.begin(), part.inputs.end()), part.inputs.end());
  std::vector<NodeId> renamed(graph.nodes.size(), NodeId::none);
  for (const NodeId id : part.inputs) {
    renamed[index_of(id)] = id_of(part.graph.nodes.size());
    Node input;
    input.name = graph.node(id).name;
    input.type = graph.node(id).type;
    input.part = Part::input;
    part.graph.nodes.push_back(std::move(input));
    if (!weights.empty()) part.weights.emplace_back();
  }
  part.graph.output = part.inputs.empty() ? NodeId::none : NodeId{0};
  const std::vector<bool> visible = read_outside(graph, inside);
  for (const NodeId id : nodes) {
    renamed[index_of(id)] = id_of(part.graph.nodes.size());
    Node node = graph.node(id);
    for (NodeId& input : node.inputs) input = renamed[index_of(input)];
    if (node.epilogue.add != NodeId::none) node.epilogue.add = renamed[index_of(node.epilogue.add)];
    node.module = ModuleId::none;
    part.graph.output = renamed[index_of(id)];
    if (visible[index_of(id)]) part.graph.modules.push_back({node.name, NodeId{0}, part.graph.output});
    part.graph.nodes.push_back(std::move(node));
    if (!weights.empty()) part.weights.push_back(weights[index_of(id)]);
  }
  part.graph.name = graph.name;
  return part;
}

std::vector<CutPoint> clean_cuts(const Graph& graph, const std::vector<NodeId>& computed, std::size_t most) {
  const std::size_t count = graph.nodes.size();
  const std::vector<std::size_t> last = last_readers(graph);
  std::vector<std::size_t> layer_end(count);  // by layer: the last node it computes
  for (std::size_t i = 0; i < count; ++i) layer_end[index_of(computed[i])] = i;
  std::vector<std::size_t> closed(count);  // by node: tensors nobody reads behind it, layers that end with it
  std::size_t open = 0;                    // tensors to be read and layers to be ended behind node i
  std::vector<CutPoint> all;
  for (std::size_t i = 0; i + 1 < count; ++i) {
    if (last[i] > i) {
      ++open;
      ++closed[last[i]];
    }
    if (computed[i] == id_of(i) && layer_end[i] > i) {
      open += 2;  // never the only thing that is open
      closed[layer_end[i]] += 2;
    }
    open -= closed[i];
    if (i > 0 && open == 1 && last[0] <= i) all.push_back({graph.nodes[i].name, id_of(i)});
  }
  if (all.size() <= most) return all;
  std::vector<CutPoint> some;
  for (std::size_t i = 0; i < most; ++i) some.push_back(all[(2 * i + 1) * all.size() / (2 * most)]);
  return some;
}

}  // namespace cleave
