// Parts of a graph to be run by themselves.
#pragma once

#include <string>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

// Some nodes of a graph. What they read from elsewhere comes first, as nodes without an op, which `run_node` leaves
// alone. What others read of them (or what a module gives) stays visible, so that passes do as they do in the whole.
struct SubGraph {
  Graph graph;
  Weights weights;             // by node of `graph`, copies
  std::vector<NodeId> inputs;  // those nodes of the original that `graph` starts with
};
// `nodes` ascending, each with an op; `also_in` are inputs whether or not they are read. An empty list of weights
// leaves the part without.
SubGraph sub_graph(const Graph& graph, const Weights& weights, const std::vector<NodeId>& nodes,
                   const std::vector<NodeId>& also_in = {});

// A place where a graph may be cut, and what people call it.
struct CutPoint {
  std::string name;
  NodeId node = NodeId::none;  // the last one before the cut, in the graph's order
};
// Returns all cuts that a single tensor crosses and that take no layer apart that inference computes as one
// (`computed`: computed_by); at most `most` of them, evenly thinned.
std::vector<CutPoint> clean_cuts(const Graph& graph, const std::vector<NodeId>& computed, std::size_t most);

}  // namespace cleave
