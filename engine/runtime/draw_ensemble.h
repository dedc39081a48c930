// Several draws of one network as one graph: they share the input, and whoever looks at a head finds it once for each
// draw. So a flow runs them all on each frame, in order, and nothing else need know that there are several.
#pragma once

#include <vector>

#include "graphs/graph.h"

namespace cleave {

struct DrawEnsemble {
  Graph graph;  // its modules are those of the first draw; the other draws' nodes count to the same modules
  Weights weights;
  std::vector<std::vector<NodeId>> heads;  // by head, as answering_nodes: that node of every draw
};

// Returns the graph with the passes run for each of the draws (at least one).
DrawEnsemble ensemble_of(const Graph& graph, std::vector<Weights> draws);

// Returns the log of the mean over draws of the softmax of their logits: the posterior mean of the probabilities, in
// log space, so that nothing underflows. Rows are draws.
std::vector<float> mean_log_probabilities(const std::vector<std::vector<float>>& logits);

}  // namespace cleave
