// Small ops and graphs for the runtime's tests.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/runtime/flow.h"
#include "graphs/graph.h"

namespace cleave::testing_ops {

extern const OpDef kMix;    // sum of (i + 1)·input i, then x -> 8·x/(1 + |x - 20|): not linear, so mix-ups show
extern const OpDef kGain;   // input·weight, the weight packed as twice itself
extern const OpDef kHalve;  // elementwise, without parameters
extern const OpDef kThrow;  // throws "out of luck" when the first value of the batch is at least `limit`
extern const OpDef kBlock;  // waits until the flag whose address is in `flag` is set
extern const OpDef kMeet;   // counts itself in at the address in `count` and waits until two have
extern const OpDef kTiny;   // writes 1e-30·1e-10: 0 where denormals are flushed

// A graph with only its input, a vector of `size`.
Graph input_graph(std::int64_t size);
// Adds a node reading `inputs`, all of one shape, and makes it the graph's output.
NodeId add_node(Graph& graph, const OpDef& op, std::vector<NodeId> inputs, Params params = {});
// Returns parameters with the address of `flag`.
Params flag_params(const std::atomic<bool>& flag);
// Returns parameters with the address of `count`.
Params count_params(const std::atomic<int>& count);
// Returns a directed acyclic graph of 2 to 60 nodes with joins, several ends, fused adds and activations.
Graph random_dag(std::uint64_t seed);

// A source of `samples` samples, numbered from 0: value i of sample s is s + i/100.
FrameSource counting_source(const Graph& graph, std::int64_t samples);
// All outputs of all nodes as the sequential executor computes them, by frame.
std::vector<std::vector<float>> sequential_outputs(const Graph& graph, const Weights& weights, std::int64_t batch,
                                                   std::int64_t samples);
// The same from a Flow.
std::vector<std::vector<float>> flow_outputs(const Graph& graph, const Weights& weights, const FlowOptions& options,
                                             std::int64_t samples);
// What the RunError says that a run of `graph` over `samples` samples ends with; "" when it ends well.
std::string run_error(const Graph& graph, const FlowOptions& options, std::int64_t samples);

}  // namespace cleave::testing_ops
