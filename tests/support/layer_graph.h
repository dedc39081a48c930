// Small graphs for tests and benches, made without the model language.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

// One layer: `units` 0 for ops without parameters.
struct LayerNote {
  const char* op;
  std::int64_t units = 0;
  WeightType type = {};
  LearningRule rule = {};
};

struct ModuleNote {
  std::vector<LayerNote> body;
  std::vector<LayerNote> head;
};

// Returns a graph with these modules, one after the other, and cross-entropy as loss. Nodes are called "OP_NUMBER".
Graph layer_graph(const Shape& input, const std::vector<ModuleNote>& modules);
// Returns the binary type with a scale per filter.
WeightType binary_scaled();
// Returns a law with one parameter.
Law law(std::string name, std::string param, ParamValue value);

}  // namespace cleave
