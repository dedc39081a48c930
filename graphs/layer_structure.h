// How a graph reads as a list of layers: chains, blocks around them, and blocks that repeat.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

// One entry of a list of layers.
struct LayerItem {
  enum class Kind : std::uint8_t { layer, residual, parallel, repeat };
  Kind kind = Kind::layer;
  NodeId node = NodeId::none;       // the layer; of a block the one that joins its parts; of a repeat none
  std::vector<NodeId> from = {};    // what it reads, where that is not the entry above
  std::string name = {};            // empty: not named
  std::vector<NodeId> inside = {};  // all nodes it stands for, in the order in which `build_graph` makes them
  std::vector<std::vector<LayerItem>> parts =
      {};  // residual: body and perhaps shortcut; parallel: branches; repeat: body
  std::int64_t times = 1;
};

// Returns the graph's nodes, all but the input, as the shortest list that these blocks allow. Nodes keep their names
// where they are told apart by them; `node.name` says what one would like, in any characters, dots between its parts.
// Every node must be one that the output depends on.
std::vector<LayerItem> layer_structure(const Graph& graph);

// Finds what repeats in a list and in the lists within.
std::vector<LayerItem> with_repeats(const Graph& graph, std::vector<LayerItem> items);
// Names the entries: what is read by name, layers with weights, and blocks by what their layers' names begin with.
void name_layers(const Graph& graph, std::vector<LayerItem>& items);

}  // namespace cleave
