// Passes: Graph -> Graph rewrites that leave the outputs of every module as they are. For inference only; training
// works on the graph as written.
#pragma once

#include <span>

#include "graphs/graph.h"

namespace cleave {

struct Pass {
  const char* name;
  const char* doc;
  void (*run)(Graph& graph, Weights& weights);  // weights are by node, as the graph's
};

// The passes in the order they run.
std::span<const Pass> pass_catalog();

// Runs them all. Outputs change by rounding only. With an empty list of weights, on the graph alone.
void run_passes(Graph& graph, Weights& weights);

// Returns, by node, the node whose kernel gives its output once the passes have run: itself, or the layer that absorbs
// it; what it reads where a pass drops it.
std::vector<NodeId> computed_by(const Graph& graph);

}  // namespace cleave
