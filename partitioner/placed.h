// placement.map: names of modules, layers or nodes -> devices. Of the names a node stands under the innermost counts;
// a node under none of them runs where the node above it in the file does.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

// (name, device), in the order of the file. "a+b" are the devices of the shares of a split head.
using PlacedNames = std::vector<std::pair<std::string, std::string>>;

// Returns the device of each node by its index, "" where none is stated; the input has none.
std::vector<std::string> placed_nodes(const Graph& graph, const PlacedNames& map);

// The groups of `group_of` [node] in an order in which none reads what a later one makes; where the graph leaves that
// open, the lower number comes first. Those that wait for each other are left out. Groups without nodes come first.
std::vector<std::size_t> running_order(const Graph& graph, const std::vector<std::size_t>& group_of,
                                       std::size_t groups);

// "a+b" -> a, b
std::vector<std::string> parts_of(const std::string& devices);

}  // namespace cleave
