// What the splits share: putting a split graph together, share by share. For partitioner/split*.cpp only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "partitioner/split.h"

namespace cleave {

SplitGraph split_branches(const Graph& graph, NodeId to, std::int64_t ways);
SplitGraph split_filters(const Graph& graph, NodeId to, std::int64_t ways);
SplitGraph split_tiles(const Graph& graph, NodeId to, std::int64_t ways);

bool has_kernel(const Node& node);
// The output of the graph, and of every module.
std::vector<NodeId> outputs_of(const Graph& graph);
// Marks these nodes and all they depend on.
std::vector<bool> with_ancestors(const Graph& graph, const std::vector<NodeId>& ids);

// Returns the channels of the origin that a node without a kernel has when its inputs have `inputs` of theirs (empty =
// all). `from` and `to` are its inputs' and its own types in the unsplit graph. Empty also where that cannot be said in
// this way: channels were moved (reshape) or left out (slice).
std::vector<std::int64_t> carried_channels(const std::vector<std::vector<std::int64_t>>& inputs,
                                           const std::vector<TensorType>& from, const TensorType& to);

class SplitBuilder {
 public:
  // Throws OpError unless the graph can be split at `to` in so many ways.
  SplitBuilder(const Graph& graph, NodeId to, std::int64_t ways);

  const Graph& graph() const { return graph_; }
  NodeId to() const { return to_; }
  std::int64_t ways() const { return ways_; }
  const Node& target() const { return graph_.node(to_); }
  bool is_before(NodeId id) const { return before_[index_of(id)]; }  // `to` depends on it, or it is `to`
  const Graph& made() const { return split_.graph; }
  const std::vector<std::int64_t>& channels(NodeId id) const { return split_.channels[index_of(id)]; }

  // Appends a node to a share (-1: none), its name, op, parameters and inputs (of the new graph) set; type, weights and
  // cost are its op's. Returns its id. Throws OpError.
  NodeId add(Node node, int share, NodeId origin, std::vector<std::int64_t> channels);
  // Appends the join of the shares' outputs and all that comes behind, and returns the whole.
  SplitGraph finish(std::vector<NodeId> outputs, PartAxis axis);

  // Throws OpError "cannot split at 'TO': WHAT"; the second, "… 'NAME' (OP) WHAT".
  [[noreturn]] void refuse(const std::string& what) const;
  [[noreturn]] void refuse(const Node& node, const std::string& what) const;

 private:
  NodeId add_join(PartAxis axis);
  void add_rest(NodeId join);
  void set_modules(const std::vector<NodeId>& moved);

  const Graph& graph_;
  NodeId to_;
  std::int64_t ways_;
  std::vector<bool> before_;
  SplitGraph split_;
};

}  // namespace cleave
