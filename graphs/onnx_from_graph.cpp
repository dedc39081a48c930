#include "graphs/onnx_from_graph.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ops/core/error.h"
#include "ops/defs/convolution.h"
#include "ops/defs/pool.h"

namespace cleave {

namespace {

OnnxAttribute number(const char* name, std::int64_t value) {
  return {.name = name, .kind = OnnxAttribute::Kind::integer, .integer = value};
}
OnnxAttribute real(const char* name, double value) {
  return {.name = name, .kind = OnnxAttribute::Kind::real, .real = static_cast<float>(value)};
}
OnnxAttribute list(const char* name, std::vector<std::int64_t> values) {
  return {.name = name, .kind = OnnxAttribute::Kind::integers, .integers = std::move(values)};
}

// The graph as it grows. A node may take several of ONNX's; the last of them gives its value.
class Export {
 public:
  Export(const Graph& graph, const Weights& weights) : graph_(graph), weights_(weights) {}

  OnnxGraph run() {
    to_.name = graph_.name.empty() ? "model" : graph_.name;
    to_.inputs.push_back(value_of(NodeId{0}));
    to_.outputs.push_back(value_of(graph_.output));
    const std::vector<bool> needed = needed_nodes();
    for (std::size_t n = 1; n < graph_.nodes.size(); ++n)
      if (needed[n]) add(n);
    if (faults_.empty()) return std::move(to_);
    throw UserError(
        fmt::format("the model {} cannot be written as ONNX:\n  {}", graph_.name, fmt::join(faults_, "\n  ")));
  }

 private:
  OnnxValue value_of(NodeId id) const {
    OnnxValue value{.name = graph_.node(id).name, .shape = {{-1, "N"}}};
    for (const std::int64_t size : graph_.node(id).type.shape) value.shape.push_back({size, ""});
    return value;
  }

  std::vector<bool> needed_nodes() const {
    std::vector<bool> needed(graph_.nodes.size(), false);
    needed[index_of(graph_.output)] = true;
    for (std::size_t n = needed.size(); n-- > 0;)
      for (const NodeId input : graph_.nodes[n].inputs) needed[index_of(input)] = needed[index_of(input)] || needed[n];
    return needed;
  }

  void add(std::size_t n) {
    const Node& node = graph_.nodes[n];
    const bool halves = rounds(graph_, node);
    const std::size_t first = to_.nodes.size();
    const std::string_view op = node.op->name;
    if (node.type.dtype == DType::i8) faults_.push_back(fmt::format("'{}' is rounded to 8 bits", node.name));
    else if (op == "conv2d") conv2d(node, weights_[n]);
    else if (op == "dense") dense(node, weights_[n]);
    else if (op == "batch_norm") batch_norm(node, weights_[n]);
    else if (op == "max_pool" || op == "mean_pool") pool(node);
    else if (op == "sign") sign(node);
    else if (!moves(node, op) && !simple(node, op))
      faults_.push_back(fmt::format("'{}': ONNX has no {}", node.name, op));
    if (to_.nodes.size() == first) return;
    if (halves) {  // 10 and 1: TensorProto's FLOAT16 and FLOAT
      step("Cast", {number("to", 10)}, {});
      step("Cast", {number("to", 1)}, {});
    }
    to_.nodes.back().outputs = {node.name};
    if (to_.nodes.size() - first == 1) to_.nodes.back().name = node.name;
  }

  // Adds a node that reads our node's inputs and constants of its own.
  void put(const Node& node, const char* op, std::vector<OnnxAttribute> attributes,
           std::vector<std::pair<std::string, OnnxTensor>> constants = {}) {
    OnnxNode to{node.name, op, "", {}, {node.name}, std::move(attributes)};
    for (const NodeId input : node.inputs) to.inputs.push_back(graph_.node(input).name);
    add_constants(to, std::move(constants), node.name);
    to_.nodes.push_back(std::move(to));
  }

  // Adds a node that reads the one just added.
  void step(const char* op, std::vector<OnnxAttribute> attributes,
            std::vector<std::pair<std::string, OnnxTensor>> constants) {
    OnnxNode& before = to_.nodes.back();
    before.outputs = {fmt::format("{}:{}", before.outputs.front(), before.op)};
    before.name = before.outputs.front();
    const std::string name = before.outputs.front();
    OnnxNode to{name + "'", op, "", {name}, {name}, std::move(attributes)};
    add_constants(to, std::move(constants), name);
    to_.nodes.push_back(std::move(to));
  }

  void add_constants(OnnxNode& to, std::vector<std::pair<std::string, OnnxTensor>> constants, const std::string& name) {
    for (auto& [slot, tensor] : constants) {
      to.inputs.push_back(slot.empty() ? "" : fmt::format("{}.{}", name, slot));
      if (!slot.empty()) to_.constants.emplace(to.inputs.back(), std::move(tensor));
    }
  }

  static OnnxTensor reals(Shape shape, std::vector<float> values) {
    return {OnnxTensor::Kind::reals, std::move(shape), std::move(values), {}};
  }
  static OnnxTensor integers(std::vector<std::int64_t> values) {
    return {OnnxTensor::Kind::integers, {static_cast<std::int64_t>(values.size())}, {}, std::move(values)};
  }

  // The arrays of a layer, the scales multiplied into the kernel.
  static std::vector<std::pair<std::string, OnnxTensor>> arrays_of(const Node& node, const LayerWeights& weights) {
    std::vector<std::pair<std::string, OnnxTensor>> arrays;
    for (std::size_t a = 0; a < node.weights.size(); ++a) {
      const WeightSlot& slot = node.weights[a];
      if (slot.role != Role::scale) {
        arrays.emplace_back(slot.name, reals(slot.shape, weights.arrays[a]));
        continue;
      }
      std::vector<float>& kernel = arrays.front().second.reals;
      const std::size_t run = kernel.size() / weights.arrays[a].size();
      for (std::size_t i = 0; i < kernel.size(); ++i) kernel[i] *= weights.arrays[a][i / run];
    }
    return arrays;
  }

  // above, left, below, right; no more than the windows reach
  static std::vector<std::int64_t> pads_of(const WindowAxis& y, const WindowAxis& x) {
    const auto after = [](const WindowAxis& axis) {
      return std::max<std::int64_t>((axis.out - 1) * axis.stride + axis.size - axis.in - axis.before, 0);
    };
    return {y.before, x.before, after(y), after(x)};
  }

  void conv2d(const Node& node, const LayerWeights& weights) {
    const Convolution conv = convolution(node.params, graph_.node(node.inputs[0]).type.shape);
    put(node, "Conv",
        {list("kernel_shape", {conv.kernel, conv.kernel}), list("strides", {conv.y.stride, conv.x.stride}),
         list("pads", pads_of(conv.y, conv.x)), number("group", conv.groups)},
        arrays_of(node, weights));
  }

  void dense(const Node& node, const LayerWeights& weights) {
    put(node, "Gemm", {number("transB", 1)}, arrays_of(node, weights));
  }

  void batch_norm(const Node& node, const LayerWeights& weights) {
    put(node, "BatchNormalization",
        {real("epsilon", node.params.real("epsilon", 1e-5)), real("momentum", 1 - node.params.real("momentum", 0.1))},
        arrays_of(node, weights));
  }

  void pool(const Node& node) {
    const bool mean = std::string_view(node.op->name) == "mean_pool";
    if (node.params.text("size") == "all") return put(node, mean ? "GlobalAveragePool" : "GlobalMaxPool", {});
    const PoolWindows pool = pool_windows(node.params, graph_.node(node.inputs[0]).type.shape);
    put(node, mean ? "AveragePool" : "MaxPool",
        {list("kernel_shape", {pool.y.size, pool.x.size}), list("strides", {pool.y.stride, pool.x.stride}),
         list("pads", pads_of(pool.y, pool.x))});
  }

  // ONNX's Sign gives 0 for 0, where ours gives 1: sign(sign(x) + 1/2) does, too.
  void sign(const Node& node) {
    put(node, "Sign", {});
    step("Add", {}, {{"half", reals({}, {0.5F})}});
    step("Sign", {}, {});
  }

  // Ops that move values; false where `op` is none of them.
  bool moves(const Node& node, std::string_view op) {
    const std::int64_t axis = node.params.integer("axis", 0) + 1;
    if (op == "concat") {
      put(node, "Concat", {number("axis", axis)});
    } else if (op == "slice") {
      const auto one = [](std::int64_t value) { return integers({value}); };
      put(node, "Slice", {},
          {{"from", one(node.params.integer("from", 0))}, {"to", one(node.params.integer("to"))}, {"axis", one(axis)}});
    } else if (op == "pad") {
      const std::int64_t size = node.params.integer("size");
      const Margins rows = row_margins(node.params, "rows", size, 10'000);
      put(node, "Pad", {}, {{"pads", integers({0, 0, rows.before, size, 0, 0, rows.after, size})}});
    } else if (op == "reshape") {
      Shape shape = node.params.integers("shape");
      shape.insert(shape.begin(), -1);
      put(node, "Reshape", {}, {{"shape", integers(shape)}});
    } else if (op == "flatten") {
      put(node, "Flatten", {number("axis", 1)});
    } else {
      return false;
    }
    return true;
  }

  bool simple(const Node& node, std::string_view op) {
    if (op == "relu") put(node, "Relu", {});
    else if (op == "tanh") put(node, "Tanh", {});
    else if (op == "sigmoid") put(node, "Sigmoid", {});
    else if (op == "softmax") put(node, "Softmax", {number("axis", 1)});
    else if (op == "dropout") put(node, "Identity", {});
    else if (op == "add") put(node, node.inputs.size() == 2 ? "Add" : "Sum", {});
    else if (op == "clip") clip(node);
    else return false;
    return true;
  }

  void clip(const Node& node) {
    const auto bound = [&](const char* name) -> std::pair<std::string, OnnxTensor> {
      if (!node.params.has(name)) return {"", {}};
      return {name, reals({}, {static_cast<float>(node.params.real(name))})};
    };
    put(node, "Clip", {}, {bound("min"), bound("max")});
    if (to_.nodes.back().inputs.back().empty()) to_.nodes.back().inputs.pop_back();
  }

  const Graph& graph_;
  const Weights& weights_;
  OnnxGraph to_;
  std::vector<std::string> faults_;
};

}  // namespace

OnnxGraph onnx_from_graph(const Graph& graph, const Weights& weights) { return Export(graph, weights).run(); }

}  // namespace cleave
