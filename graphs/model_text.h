// Graph -> the text of a model file, for networks that were not written by hand.
#pragma once

#include <string>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

struct ModelText {
  std::string text;
  std::vector<NodeId> nodes;  // which node of the graph each node of the model is, from the second on: 0 is the input
};

// Returns a model of one list of layers that computes what `graph` does (real weights, no modules). `description` and
// `weights_file` are left out where they are empty.
ModelText model_text(const Graph& graph, const std::string& name, const std::string& description,
                     const std::string& weights_file);

// Returns `text` with what no name may hold replaced; `otherwise` where nothing is left.
std::string model_name(const std::string& text, const std::string& otherwise);

}  // namespace cleave
