// Horizontal splits: graph rewrites after which placement is again all there is. `filters` and `tiles` leave the
// network's outputs as they are; `branches` is another network, which needs weights of its own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

// Everything up to and with node `to` becomes `ways` shares that do not read each other, joined by a `concat`.
struct SplitSpec {
  std::string kind;  // a row of split_catalog()
  std::int64_t ways = 2;
  NodeId to = NodeId::none;  // all paths from the input to the output go through it

  bool operator==(const SplitSpec&) const = default;
};

// A split graph. The nodes of share i are those with share_of == i, named "NAME@1", "NAME@2" …; the join, named as the
// node split at, and what comes behind it have -1, as has the input. What no module's output depends on is left out.
// Modules that end before the node split at become one with its module.
struct SplitGraph {
  Graph graph;
  std::vector<int> share_of;    // by node of `graph`
  NodeId join = NodeId::none;   // the concat (or what stands for it)
  std::vector<NodeId> outputs;  // by share: what it sends to the join
  std::vector<NodeId> origin;   // by node of `graph`: the node before the split that it is, or gives a part of
  // By node of `graph`: which channels (filters, units) of `origin` it has, in order; empty = all.
  std::vector<std::vector<std::int64_t>> channels;
};

struct SplitDef {
  const char* name;
  const char* doc;
  bool exact;  // the same function as before
  // Returns the split graph. Throws OpError "cannot split at 'NAME': …" where it cannot be split so: not can_split_at,
  // too few filters or rows, numbers that do not divide, an op that needs the whole image, a fused graph.
  SplitGraph (*split)(const Graph& graph, NodeId to, std::int64_t ways);
  // Returns the weights of the split graph: for exact splits those of `graph`, shared out; for branches the diagonal
  // blocks of the kernels, a place to start training from.
  Weights (*weights)(const Graph& graph, const SplitGraph& split, const Weights& weights);
};
// branches, filters, tiles.
std::span<const SplitDef> split_catalog();

// Says why nothing can be split at `to`, "" where it can.
std::string why_not_split_at(const Graph& graph, NodeId to);
// True when every path from the input to the output goes through `to` and nothing behind it reads what stands before.
// Heads are outputs, too: where the head of an earlier module reads what stands before `to`, the answer is no. So a
// cascade can be split at the body of its first module with a head, or before.
inline bool can_split_at(const Graph& graph, NodeId to) { return why_not_split_at(graph, to).empty(); }

}  // namespace cleave
