// Which nodes inference computes as one: told from the graph before and after the passes, by the names that are left.
#include <unordered_map>

#include "graphs/passes.h"

namespace cleave {

namespace {

NodeId id_of(std::size_t index) { return NodeId{static_cast<std::int32_t>(index)}; }

}  // namespace

std::vector<NodeId> computed_by(const Graph& graph) {
  Graph fused = graph;
  Weights none;
  run_passes(fused, none);
  std::unordered_map<std::string, std::size_t> left;  // by name; absorbing nodes keep theirs
  for (std::size_t i = 0; i < fused.nodes.size(); ++i) left.emplace(fused.nodes[i].name, i);
  std::vector<NodeId> by;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.inputs.empty() || left.count(node.name) > 0) {
      by.push_back(id_of(i));
      continue;
    }
    by.push_back(by[index_of(node.inputs.front())]);
    for (const NodeId input : node.inputs) {  // of an add's inputs, the one that adds the other where it stores
      const auto layer = left.find(graph.node(by[index_of(input)]).name);
      if (node.inputs.size() < 2 || layer == left.end()) continue;
      const NodeId added = fused.nodes[layer->second].epilogue.add;
      const NodeId other = by[index_of(input == node.inputs[0] ? node.inputs[1] : node.inputs[0])];
      if (added != NodeId::none && fused.node(added).name == graph.node(other).name) by.back() = by[index_of(input)];
    }
  }
  return by;
}

}  // namespace cleave
