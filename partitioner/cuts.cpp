#include "partitioner/cuts.h"

#include <algorithm>

namespace cleave {

namespace {

// Index of the last node that reads each one; its own index when none does.
std::vector<std::size_t> last_readers(const Graph& graph) {
  std::vector<std::size_t> last(graph.nodes.size());
  for (std::size_t node = 0; node < graph.nodes.size(); ++node) {
    last[node] = node;
    for (const NodeId input : graph.nodes[node].inputs) last[index_of(input)] = node;
  }
  return last;
}

}  // namespace

Positions chain_positions(const Graph& graph, const std::vector<NodeId>& after) {
  const std::size_t count = graph.nodes.size();
  std::vector<bool> ends(count, after.empty());
  for (const NodeId node : after) ends[index_of(node)] = true;
  ends.front() = ends.back() = true;
  const std::vector<std::size_t> last = last_readers(graph);
  Positions positions;
  Position now{std::vector<std::uint64_t>((count + 63) / 64), "", {}};
  for (std::size_t node = 0; node < count; ++node) {
    now.done[node / 64] |= std::uint64_t{1} << (node % 64);
    now.crossing.push_back(static_cast<NodeId>(node));
    if (!ends[node]) continue;
    std::erase_if(now.crossing, [&](NodeId id) { return last[index_of(id)] <= node; });
    now.name = graph.nodes[node].name;
    positions.all.push_back(now);
  }
  return positions;
}

bool keeps_layers(const Position& position, const std::vector<NodeId>& computed) {
  for (std::size_t node = 0; node < computed.size(); ++node)
    if (is_done(position, node) != is_done(position, index_of(computed[node]))) return false;
  return true;
}

std::vector<NodeId> whole_prefixes(const std::vector<NodeId>& computed) {
  std::vector<std::size_t> last(computed.size());  // by layer: the last node it computes
  for (std::size_t node = 0; node < computed.size(); ++node) last[index_of(computed[node])] = node;
  std::vector<NodeId> prefixes;
  std::size_t end = 0;
  for (std::size_t node = 0; node + 1 < computed.size(); ++node) {
    end = std::max(end, last[index_of(computed[node])]);
    if (node > 0 && end <= node) prefixes.push_back(static_cast<NodeId>(node));
  }
  return prefixes;
}

}  // namespace cleave
