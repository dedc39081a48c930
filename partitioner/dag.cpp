// The down-sets of a graph: the sets of nodes that hold the inputs of each of theirs, so that what is done and what is
// left can be on two devices.
//
// Nodes are in topological order, so a down-set without its node of highest index is a down-set, too: each but the
// first has exactly one such parent. Walking this tree level by level, with the nodes that are ready in ascending
// order, meets every down-set once, without a table of those met (after Habib, Medina, Nourine and Steiner, "Efficient
// algorithms on distributive lattices", 2001). The order is by size, then lexicographic. In it, of two sets that differ
// in one node the one with the lower node comes first, which is why the cover of a set S = P + m by a ready node v < m
// is known when it is needed: it is the cover by m of the cover of P by v.
//
// O(down-sets × width × inputs of a node) for the sets and their covers, and as many words of 64 bits as nodes for
// each; the relation "is contained in" is closed over the covers from last to first, O(down-sets² × width / 64).
#include <algorithm>

#include "partitioner/cuts.h"

namespace cleave {

namespace {

using Bits = std::vector<std::uint64_t>;

bool has(const Bits& bits, std::size_t index) { return (bits[index / 64] >> (index % 64) & 1U) != 0; }
void put(Bits& bits, std::size_t index) { bits[index / 64] |= std::uint64_t{1} << (index % 64); }

// A down-set one node larger, and that node.
struct Cover {
  std::size_t node = 0;
  int position = 0;
};

int cover_by(const std::vector<Cover>& covers, std::size_t node) {
  return std::find_if(covers.begin(), covers.end(), [&](const Cover& cover) { return cover.node == node; })->position;
}

struct Walk {
  const Graph& graph;
  std::vector<std::vector<NodeId>> readers;  // [node], ascending
  Positions positions;
  std::vector<int> parent;                 // [position]; -1 = the first
  std::vector<std::size_t> added;          // [position]: the node it has and its parent has not
  std::vector<std::vector<Cover>> covers;  // [position], by node, ascending
};

// The nodes that may be done next: those the parent left over and those the last one made ready.
std::vector<std::size_t> ready_nodes(const Walk& walk, std::size_t position) {
  const Bits& done = walk.positions.all[position].done;
  std::vector<std::size_t> ready;
  if (walk.parent[position] >= 0)
    for (const Cover& cover : walk.covers[static_cast<std::size_t>(walk.parent[position])])
      if (cover.node != walk.added[position]) ready.push_back(cover.node);
  for (const NodeId reader : walk.readers[walk.added[position]]) {
    const std::vector<NodeId>& inputs = walk.graph.node(reader).inputs;
    if (std::all_of(inputs.begin(), inputs.end(), [&](NodeId id) { return has(done, index_of(id)); }))
      ready.push_back(index_of(reader));
  }
  std::sort(ready.begin(), ready.end());
  return ready;
}

void add_position(Walk& walk, Position position, std::size_t node, int parent) {
  put(position.done, node);
  position.name = walk.graph.nodes[node].name;
  position.crossing.push_back(static_cast<NodeId>(node));
  std::erase_if(position.crossing, [&](NodeId id) {
    const std::vector<NodeId>& readers = walk.readers[index_of(id)];
    return std::all_of(readers.begin(), readers.end(), [&](NodeId r) { return has(position.done, index_of(r)); });
  });
  walk.positions.all.push_back(std::move(position));
  walk.parent.push_back(parent);
  walk.added.push_back(node);
}

void cover(Walk& walk, std::size_t position) {
  std::vector<Cover>& covers = walk.covers.emplace_back();
  for (const std::size_t node : ready_nodes(walk, position)) {
    if (node > walk.added[position]) {
      covers.push_back({node, static_cast<int>(walk.positions.all.size())});
      add_position(walk, walk.positions.all[position], node, static_cast<int>(position));
    } else {
      const int beside = cover_by(walk.covers[static_cast<std::size_t>(walk.parent[position])], node);
      covers.push_back({node, cover_by(walk.covers[static_cast<std::size_t>(beside)], walk.added[position])});
    }
  }
}

std::vector<Bits> containment(const Walk& walk) {
  const std::size_t count = walk.positions.all.size();
  std::vector<Bits> after(count, Bits((count + 63) / 64));
  for (std::size_t position = count; position-- > 0;) {
    for (const Cover& cover : walk.covers[position]) {
      const auto larger = static_cast<std::size_t>(cover.position);
      put(after[position], larger);
      for (std::size_t w = larger / 64; w < after[position].size(); ++w) after[position][w] |= after[larger][w];
    }
  }
  return after;
}

}  // namespace

std::optional<Positions> down_sets(const Graph& graph, int limit) {
  const std::size_t nodes = graph.nodes.size();
  const auto most = static_cast<std::size_t>(limit);
  if (limit < 0 || nodes > most) return std::nullopt;  // there is one of each size at least
  Walk walk{graph, std::vector<std::vector<NodeId>>(nodes), {}, {}, {}, {}};
  for (std::size_t node = 0; node < nodes; ++node)
    for (const NodeId input : graph.nodes[node].inputs)
      if (walk.readers[index_of(input)].empty() || walk.readers[index_of(input)].back() != static_cast<NodeId>(node))
        walk.readers[index_of(input)].push_back(static_cast<NodeId>(node));
  add_position(walk, {Bits((nodes + 63) / 64), "", {}}, 0, -1);
  for (std::size_t position = 0; position < walk.positions.all.size(); ++position) {
    cover(walk, position);
    if (walk.positions.all.size() > most) return std::nullopt;
  }
  if (walk.positions.all.size() > nodes) walk.positions.after = containment(walk);
  return std::move(walk.positions);
}

}  // namespace cleave
