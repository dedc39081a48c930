#include "partitioner/profile.h"

#include <set>

namespace cleave {

NodeId node_of_name(const Graph& graph, const std::string& name) {
  NodeId last = NodeId::none;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const NodeId id{static_cast<std::int32_t>(i)};
    if (node.name == name) return id;
    const bool inside = node.name.size() > name.size() && node.name[name.size()] == '/' && node.name.starts_with(name);
    const bool of_module = node.module != ModuleId::none && index_of(node.module) < graph.modules.size() &&
                           graph.module(node.module).name == name;
    if (!name.empty() && (inside || of_module)) last = id;
  }
  return last;
}

std::vector<std::string> place_names(const Graph& graph) {
  std::set<std::string> layers;
  for (const Module& module : graph.modules)
    if (!module.name.empty()) layers.insert(module.name);
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) {
    names.push_back(node.name);
    for (std::size_t slash = node.name.find('/'); slash != std::string::npos; slash = node.name.find('/', slash + 1))
      layers.insert(node.name.substr(0, slash));
  }
  for (const std::string& name : names) layers.erase(name);
  names.insert(names.end(), layers.begin(), layers.end());
  return names;
}

}  // namespace cleave
