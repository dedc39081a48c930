#include "partitioner/placed.h"

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

std::vector<std::string> parts_of(const std::string& devices) {
  std::vector<std::string> parts(1);
  for (const char c : devices)
    if (c == '+') parts.emplace_back();
    else parts.back() += c;
  return parts;
}

}  // namespace cleave
