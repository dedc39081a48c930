// Computing nodes: one of them, or the whole graph in order on the calling thread. The flow gives the same numbers.
#pragma once

#include <vector>

#include "engine/runtime/frame.h"

namespace cleave {

// Returns every node's weights as its op's `forward` wants them, by node; empty for nodes without weights.
// `weights` has one entry per node; each is let go once it is packed.
std::vector<PackedWeights> pack_weights(const Graph& graph, Weights weights);
// Returns the bytes of packed weights.
std::int64_t packed_bytes(const std::vector<PackedWeights>& packed);

// Writes the slot of node `id` from the slots of its inputs: the op, then the node's epilogue, then the rounding to
// f16 where that is its dtype. Does nothing for the input node. `parallel` may be null. Throws RunError "node 'NAME'
// (OP): …" when the op throws.
void run_node(const Graph& graph, NodeId id, const PackedWeights& packed, Trip& trip,
              const Parallel* parallel = nullptr);

// Runs all nodes in the graph's order, for all slices of the frame. The caller has set `frame.count` and filled the
// inputs' slots; the trip has the frame's plan. Throws as `run_node`.
void run_graph(const Graph& graph, const std::vector<PackedWeights>& packed, Frame& frame, Trip& trip);
// The same with a trip of its own.
void run_graph(const Graph& graph, const std::vector<PackedWeights>& packed, Frame& frame);

}  // namespace cleave
