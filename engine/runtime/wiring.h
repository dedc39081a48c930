// Wiring: who tells whom in the flow, and which nodes start as a task of their own. Plain numbers, so that it can be
// tested without a flow.
#pragma once

#include <cstdint>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

// By node, in the graph's order; the last entry of `edges_in` and `spawned` is the end of the trip, which waits for all
// nodes without consumers.
struct Wiring {
  std::vector<std::int32_t> edges_in;                // what to wait for; 1 for the input
  std::vector<std::vector<std::int32_t>> consumers;  // one entry per edge; spawned ones first, the trip's end included
  std::vector<bool> spawned;                         // a task of its own; the others run inside their last producer
  std::vector<std::int32_t> inputs;                  // nodes that read nothing: the source starts them all
};

// The longest run of nodes that are computed inside each other. Bounds the stack whatever the graph's depth.
constexpr std::int32_t kLongestInline = 64;

// Returns the wiring of `graph` for batches of `batch` samples. Nodes run inside their producer, which costs least,
// except where that would nest deeper than kLongestInline or, with `threads` > 1, where a branch with enough work could
// run beside its siblings. The choice never changes results.
Wiring make_wiring(const Graph& graph, std::int64_t batch, int threads);
// The same where each node waits for the one before it in the graph's order, whatever it reads.
Wiring make_serial_wiring(const Graph& graph);

}  // namespace cleave
