// Small graphs for tests and benches, made without the model language.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "graphs/graph.h"
#include "ops/core/catalog.h"

namespace cleave {

// One layer: `units` 0 for ops without parameters.
struct LayerNote {
  const char* op;
  std::int64_t units = 0;
  WeightType type = {};
  LearningRule rule = {};
  Params params = {};
};

struct ModuleNote {
  std::vector<LayerNote> body;
  std::vector<LayerNote> head;
};

// Appends one layer that reads `input` and returns its id.
inline NodeId add_layer(Graph& graph, const LayerNote& note, NodeId input, ModuleId module, Part part) {
  Node node;
  node.name = fmt::format("{}_{}", note.op, graph.nodes.size());
  node.op = find(op_catalog(), note.op);
  assert(node.op != nullptr);
  node.params = note.params;
  if (note.units > 0) node.params.set("units", note.units);
  node.inputs = {input};
  node.weight_type = note.type;
  node.rule = note.rule;
  node.module = module;
  node.part = part;
  const std::vector<TensorType> types = {graph.node(input).type};
  node.type = node.op->infer(node.params, types);
  if (node.op->weights != nullptr) node.weights = node.op->weights(node.params, types, node.weight_type);
  node.cost = node.op->cost(node.params, types, node.type, node.weight_type, 1);
  graph.nodes.push_back(node);
  return static_cast<NodeId>(graph.nodes.size() - 1);
}

// Returns a graph with these modules, one after the other, and cross-entropy as loss. Nodes are called "OP_NUMBER".
inline Graph layer_graph(const Shape& input, const std::vector<ModuleNote>& modules) {
  Graph graph;
  graph.name = "test";
  graph.loss = {"cross_entropy", "sum"};
  Node first;
  first.name = "input";
  first.type = {DType::f32, input};
  first.part = Part::input;
  graph.nodes.push_back(first);
  NodeId last{0};
  for (std::size_t m = 0; m < modules.size(); ++m) {
    Module module;
    module.name = fmt::format("m{}", m + 1);
    module.input = last;
    const auto id = static_cast<ModuleId>(m);
    for (const LayerNote& note : modules[m].body) last = add_layer(graph, note, last, id, Part::body);
    module.body = last;
    module.head = last;
    for (const LayerNote& note : modules[m].head) module.head = add_layer(graph, note, module.head, id, Part::head);
    if (modules[m].head.empty()) module.head = NodeId::none;
    graph.modules.push_back(module);
  }
  const Module& end = graph.modules.back();
  graph.output = end.head == NodeId::none ? end.body : end.head;
  return graph;
}

// Returns a convolution with square windows.
inline LayerNote conv_note(std::int64_t filters, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                           const WeightType& type = {}, const LearningRule& rule = {}) {
  LayerNote note{"conv2d", 0, type, rule};
  note.params.set("filters", filters);
  note.params.set("kernel", kernel);
  note.params.set("stride", stride);
  note.params.set("padding", padding);
  return note;
}

// Returns the binary type with a scale per filter.
inline WeightType binary_scaled() { return {.grid = WeightType::Grid::sign, .bits = 1, .scale_per_filter = true}; }

// Returns a law with one parameter.
inline Law law(std::string name, std::string param, ParamValue value) {
  Law made{std::move(name), {}};
  made.params.set(std::move(param), std::move(value));
  return made;
}

}  // namespace cleave
