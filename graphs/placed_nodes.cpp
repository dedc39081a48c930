#include <set>

#include <fmt/format.h>

#include "graphs/build.h"
#include "ops/core/catalog.h"

namespace cleave {

void check_placed_nodes(const DocNode& doc, const Graph& graph, Diagnostics& found) {
  const DocNode* map = find_path(doc, "placement.map");
  if (map == nullptr || graph.nodes.empty()) return;
  std::set<std::string> known;  // nodes, and the layers and modules around them
  for (std::size_t i = 1; i < graph.nodes.size(); ++i) {
    const std::string& name = graph.nodes[i].name;
    known.insert(name);
    for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
      known.insert(name.substr(0, slash));
  }
  for (const DocEntry& entry : map->entries) {
    if (known.count(entry.key) > 0) continue;
    const std::string near = found.too_many() ? "" : closest_name(entry.key, {known.begin(), known.end()});
    found.add(entry.key_pos, fmt::format("there is no node '{}'", entry.key),
              near.empty() ? "`cleave show --stage graph` lists them" : fmt::format("did you mean '{}'?", near), near);
  }
}

}  // namespace cleave
