#include "partitioner/placed.h"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace cleave {

std::vector<std::string> placed_nodes(const Graph& graph, const PlacedNames& map) {
  const std::unordered_map<std::string, std::string> device_of(map.begin(), map.end());
  std::vector<std::string> devices(graph.nodes.size());
  for (std::size_t i = 1; i < graph.nodes.size(); ++i) {
    devices[i] = devices[i - 1];
    std::string name = graph.nodes[i].name;
    for (std::size_t end = name.size(); end != std::string::npos; end = name.rfind('/')) {
      name.resize(end);
      const auto found = device_of.find(name);
      if (found == device_of.end()) continue;
      devices[i] = found->second;
      break;
    }
  }
  return devices;
}

// Kahn's algorithm on the graph of groups, O(edges · log edges + groups²).
std::vector<std::size_t> running_order(const Graph& graph, const std::vector<std::size_t>& group_of,
                                       std::size_t groups) {
  std::vector<std::set<std::size_t>> waits_for(groups);
  for (std::size_t i = 1; i < graph.nodes.size(); ++i)
    for (const NodeId input : graph.nodes[i].inputs)
      if (index_of(input) > 0 && group_of[index_of(input)] != group_of[i])
        waits_for[group_of[i]].insert(group_of[index_of(input)]);
  std::vector<std::size_t> order;
  std::vector<bool> placed(groups);
  while (order.size() < groups) {
    std::size_t next = 0;
    const auto is_placed = [&](std::size_t group) { return placed[group]; };
    while (next < groups && (placed[next] || !std::all_of(waits_for[next].begin(), waits_for[next].end(), is_placed)))
      ++next;
    if (next == groups) break;
    placed[next] = true;
    order.push_back(next);
  }
  return order;
}

std::vector<std::string> parts_of(const std::string& devices) {
  std::vector<std::string> parts(1);
  for (const char c : devices)
    if (c == '+') parts.emplace_back();
    else parts.back() += c;
  return parts;
}

}  // namespace cleave
