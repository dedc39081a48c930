// For tests of the splits: runs a graph before and after, and compares what both have.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "partitioner/split.h"

namespace cleave {

const SplitDef& split_def(const std::string& kind);
// Returns the node of that name; fails the test where there is none.
NodeId node_named(const Graph& graph, const std::string& name);

// Start weights, with biases, scales and statistics that are not trivial.
Weights random_weights(const Graph& graph, std::uint64_t seed);
// Returns the outputs of all nodes for `samples` random images, by the flow engine on one thread.
std::vector<std::vector<float>> run_nodes(const Graph& graph, const Weights& weights, std::int64_t samples);

// Returns the largest difference of two outputs over the largest value; 0 for equal bits, infinity for other sizes.
double difference(const std::vector<float>& a, const std::vector<float>& b);

// Returns what is wrong with the parts of a split graph that fit no run: check_graph, names, shares that read each
// other, nodes whose cost or weights are not their op's. Empty when nothing is.
std::string split_fault(const Graph& graph, const SplitGraph& split, std::int64_t ways);

// Returns the largest difference between the join and all that comes behind it and the same nodes before the split.
double split_difference(const Graph& graph, const Weights& weights, const SplitDef& def, const SplitGraph& split,
                        const std::vector<std::vector<float>>& before, std::int64_t samples);

// What an OpError of the split says; "split" when it is possible.
std::string refusal(const SplitDef& def, const Graph& graph, NodeId to, std::int64_t ways);

}  // namespace cleave
