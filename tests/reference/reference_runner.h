// FOR TESTS ONLY, NEVER SHIPPED: runs a graph node by node with the slow twins of the ops.
#pragma once

#include <vector>

#include "graphs/graph.h"
#include "tests/reference/reference_ops.h"

namespace cleave {

// Returns the output of every node. The graph must be the one before fusing.
std::vector<NchwTensor> reference_run(const Graph& graph, const Weights& weights, const NchwTensor& input);

}  // namespace cleave
