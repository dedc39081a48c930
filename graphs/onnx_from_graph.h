// Graph and Weights -> OnnxGraph.
#pragma once

#include "graphs/graph.h"
#include "graphs/onnx_graph.h"

namespace cleave {

// Returns what computes the graph's output (the last module's head) from its input, as `build_graph` made it: before
// any pass. Values are called by their nodes' names. Throws UserError with every node that ONNX has no op for.
OnnxGraph onnx_from_graph(const Graph& graph, const Weights& weights);

}  // namespace cleave
