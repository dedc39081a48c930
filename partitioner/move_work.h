// What a Metropolis-Hastings move costs when only what the change reaches is computed anew (mcmc.md).
#pragma once

#include <vector>

#include "graphs/graph.h"

namespace cleave {

// Returns, by node, the share of its work that a move of layer `layer` repeats: 0 for nodes it does not reach and for
// those of other modules.
std::vector<double> move_shares(const Graph& graph, NodeId layer);

// Returns the layers of a part that moves may change: nodes with weights that are not only statistics.
std::vector<NodeId> moved_layers(const Graph& graph, ModuleId module, Part part);

// How often the two parts are changed; relative.
struct PickRule {
  double body = 0.7, head = 0.3;
};
// Returns, by node, the mean of move_shares over the moves of a module: a part by `pick`, of it each layer alike.
std::vector<double> step_shares(const Graph& graph, ModuleId module, const PickRule& pick);

// Returns the sum over the nodes of share times products, binary ones included, of one sample.
double shared_products(const Graph& graph, const std::vector<double>& shares);

}  // namespace cleave
