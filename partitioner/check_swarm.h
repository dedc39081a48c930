// What can be known of a model's devices without a plan: their figures and paths, and of a manual placement whether its
// modules can reach each other and fit.
#pragma once

#include "graphs/graph.h"
#include "partitioner/swarm.h"

namespace cleave {

// Adds the mistakes of read_swarm, and those of `placement.map`: modules next to each other on devices without a path
// between them, and devices that hold more than their memory. `graph` is the model's; empty for a swarm file.
void check_swarm(const Graph& graph, const DocNode& doc, Diagnostics& found);

}  // namespace cleave
