// Graph: the typed model. Plain data, indexed by ids, in topological order: a node's inputs come before it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ops/core/error.h"
#include "ops/core/op.h"

namespace cleave {

enum class NodeId : std::int32_t { none = -1 };
enum class ModuleId : std::int32_t { none = -1 };
inline std::size_t index_of(NodeId id) { return static_cast<std::size_t>(id); }
inline std::size_t index_of(ModuleId id) { return static_cast<std::size_t>(id); }

// Where a node stands in its module. Graphs written with `layers` have one module without a name whose nodes are
// `body`.
enum class Part : std::uint8_t { input, body, head };

// How a layer's weights are learnt; the nearest statement in the file wins. An empty law means the default.
struct LearningRule {
  Law prior;
  Law proposal;
  Law select;

  bool operator==(const LearningRule&) const = default;
};

// What is done to a node's output where it is stored, put there by the fusing pass. Applied in this order.
struct Epilogue {
  NodeId add = NodeId::none;          // add this node's output (also listed last in `inputs`)
  const OpDef* activation = nullptr;  // an elementwise op
  Params activation_params{};

  bool operator==(const Epilogue&) const = default;
};

struct Node {
  std::string name;           // unique: "stem", "g1/0/conv2d", "conv2d_3"
  const OpDef* op = nullptr;  // null for the input node
  Params params;
  std::vector<NodeId> inputs;  // a fused `add` is the last one and not passed to the op
  TensorType type;  // of the output, one sample; its op's, or f16 where it is rounded for its module's `send`
  WeightType weight_type;
  std::vector<WeightSlot> weights;  // empty for ops without weights
  Cost cost;                        // of one sample
  LearningRule rule;
  ModuleId module = ModuleId::none;
  Part part = Part::body;
  Epilogue epilogue;
  SourcePos pos;  // where the file says so
};

struct Module {
  std::string name;
  NodeId input = NodeId::none;  // what it reads: the body of the module before, or the graph's input
  NodeId body = NodeId::none;   // what it sends on; `input` when it has no body
  NodeId head = NodeId::none;   // logits of its classifier; none = cannot be trained or exited from
  DType send = DType::f32;      // what the file says of the body's output; its node's dtype obeys
};

// The loss of every head: a likelihood row and how it is reduced over the batch.
struct LossRule {
  std::string name;    // cross_entropy, …
  std::string reduce;  // sum | mean
};

struct Graph {
  std::string name;
  std::vector<Node> nodes;  // nodes[0] is the input
  std::vector<Module> modules;
  NodeId output = NodeId::none;  // the last module's head, else its body
  LossRule loss;

  const Node& node(NodeId id) const { return nodes[index_of(id)]; }
  Node& node(NodeId id) { return nodes[index_of(id)]; }
  const Module& module(ModuleId id) const { return modules[index_of(id)]; }
};

// The inputs of `node` that its op computes with: all but a fused `add`.
std::vector<NodeId> op_inputs(const Node& node);
// The types of those inputs.
std::vector<TensorType> input_types(const Graph& graph, const Node& node);
// True where a node's values are rounded to its dtype f16 as they are made: not where its op only hands halves on.
bool rounds(const Graph& graph, const Node& node);
// Weights and biases and scales of a node; statistics are not counted.
std::int64_t weight_count(const Node& node);
std::int64_t weight_count(const Graph& graph);
// Bytes of a node's weights in memory: kernels at their type's bits, everything else as f32.
std::int64_t weight_bytes(const Node& node);
// Bytes of a node's output for one sample at its dtype.
std::int64_t output_bytes(const Node& node);
// The sum over all nodes, one sample.
Cost total_cost(const Graph& graph);
// Returns what is wrong with the graph's structure, empty when it is sound: ids in range, topological order, types as
// the ops infer them, modules in order. For tests and after passes.
std::vector<std::string> check_graph(const Graph& graph);

// The weights of a graph, by node; empty arrays for nodes without weights.
using Weights = std::vector<LayerWeights>;

// Draws start weights: real kernels normal with standard deviation sqrt(2 / fan_in) (He et al. 2015), grids uniformly,
// scales 1/sqrt(fan_in), biases and statistics at their slot's initial value. A function of (seed, node's index).
Weights initial_weights(const Graph& graph, std::uint64_t seed);
// Returns 16 hex digits: a 64-bit FNV-1a hash over names, shapes and the exact bits of all values.
std::string weights_hash(const Graph& graph, const Weights& weights);
// Returns 16 hex digits: a hash over what the graph computes (names, ops, parameters, types, wiring, what modules
// send), whatever its weights. Plans and profiles carry it.
std::string structure_hash(const Graph& graph);

}  // namespace cleave
