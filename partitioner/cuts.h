// Positions: the states of work done at which a graph may be cut, as a chain of prefixes or as all its down-sets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

inline constexpr int kMaxPositions = 4096;

struct Position {
  std::vector<std::uint64_t> done;  // bit set of nodes; the input node is always in it
  std::string name;                 // of the node that was done last; "input" for the first
  std::vector<NodeId> crossing;     // nodes in it that nodes outside read: what travels if the graph is cut here
};

inline bool is_done(const Position& position, std::size_t node) {
  return (position.done[node / 64] >> (node % 64) & 1U) != 0;
}

// In an order in which a contained one comes first; the first holds the input node alone, the last all nodes.
struct Positions {
  std::vector<Position> all;
  std::vector<std::vector<std::uint64_t>> after;  // as Problem::after; empty for a chain
};

// The prefixes of the graph's order that end with the nodes `after` (ascending), or every prefix if it is empty.
Positions chain_positions(const Graph& graph, const std::vector<NodeId>& after);

// Returns whether no layer is taken apart that inference computes as one (`computed`: computed_by) when what is done
// stops at `position`.
bool keeps_layers(const Position& position, const std::vector<NodeId>& computed);
// The nodes behind which a prefix of the graph's order keeps its layers, the input and the last one left out.
std::vector<NodeId> whole_prefixes(const std::vector<NodeId>& computed);

// All down-sets: sets of nodes that hold the inputs of each of theirs. Nothing when there are more than `limit`.
// O(down-sets × nodes).
std::optional<Positions> down_sets(const Graph& graph, int limit = kMaxPositions);

}  // namespace cleave
