// What is done value by value: activations, Clip, Softmax, sums of two, and arithmetic with constants.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "graphs/onnx_work.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

// Runs an op on every value, whatever their order.
void each_value(OnnxWork& work, const OnnxNode& node, const char* op, const Params& params = {}) {
  OnnxFlow flow = padded(work, flow_of(work, node, 0));
  flow.node = add_node(work, op, params, {flow.node});
  flow.shared = false;
  set_flow(work, node, flow);
}

// A constant that stands beside a value: one number for each channel of the flow's node.
std::vector<float> by_channel(const OnnxWork& work, const OnnxTensor& constant, const OnnxFlow& flow) {
  constexpr std::size_t kMostChannels = std::size_t{1} << 22;
  const auto channels = static_cast<std::size_t>(channels_of(shape_of(work, flow.node)));
  if (channels > kMostChannels) throw OpError(fmt::format("computes with {} channels", channels));
  if (constant.reals.size() == 1) return std::vector<float>(channels, constant.reals.front());
  std::size_t axis = 0;  // of the flow, that holds the channels
  while (!flow.axes.empty() && flow.axes[axis] != 0) ++axis;
  const std::size_t rank = flow.shape.size();
  const std::size_t given = constant.shape.size();
  bool fits = given <= rank + 1 && constant.reals.size() == channels && given + axis >= rank;
  for (std::size_t i = 0; fits && i < given; ++i)
    if (given - i != rank - axis) fits = constant.shape[i] == 1;
  if (!fits)
    throw OpError(fmt::format("has constants of the shape {} beside {}; one for each channel is needed",
                              to_text(constant.shape), onnx_shape_text(flow.shape)));
  if (flow.columns.empty()) return constant.reals;
  std::vector<float> moved(channels);
  for (std::size_t i = 0; i < channels; ++i) moved[static_cast<std::size_t>(flow.columns[i])] = constant.reals[i];
  return moved;
}

// Brings the flow into a form in which its channels are those of its node.
OnnxFlow with_channels(OnnxWork& work, const OnnxFlow& flow, const OnnxTensor& constant) {
  const OnnxFlow whole = padded(work, flow);
  if (constant.reals.size() == 1 || !whole.axes.empty()) return whole;
  OnnxFlow other = whole;
  other.columns.clear();
  other.node = plain(work, other);
  other.columns = whole.columns;
  return other;
}

void with_constant(OnnxWork& work, const OnnxNode& node, std::size_t constant_at) {
  const OnnxTensor& constant = constant_reals(work, node, constant_at);
  const OnnxFlow flow = with_channels(work, flow_of(work, node, 1 - constant_at), constant);
  std::vector<float> values = by_channel(work, constant, flow);
  const bool first = constant_at == 0;
  std::vector<float> factors(values.size(), 1);
  std::vector<float> shifts(values.size(), 0);
  if (node.op == "Add" || node.op == "Sum") shifts = values;
  if (node.op == "Mul") factors = values;
  if (node.op == "Div" && first) throw OpError("divides a constant by what is computed, which is not taken");
  for (std::size_t c = 0; c < values.size(); ++c) {
    if (node.op == "Div") factors[c] = 1 / values[c];
    if (node.op == "Sub") shifts[c] = first ? values[c] : -values[c];
    if (node.op == "Sub" && first) factors[c] = -1;
    if (!std::isfinite(factors[c])) throw OpError("divides by 0, or nearly");
  }
  set_flow(work, node, affine(work, flow, factors, shifts));
}

std::size_t index_of_slot(const Node& node, const char* name) {
  for (std::size_t i = 0; i < node.weights.size(); ++i)
    if (node.weights[i].name == name) return i;
  return node.weights.size();
}

// Multiplies and shifts within the layer's own weights.
void fold(OnnxWork& work, NodeId id, const std::vector<float>& factors, const std::vector<float>& shifts) {
  Node& layer = work.graph.node(id);
  LayerWeights& weights = work.weights[index_of(id)];
  if (index_of_slot(layer, "bias") == layer.weights.size()) {
    layer.params.set("bias", true);
    layer.weights.push_back({"bias", Role::bias, {static_cast<std::int64_t>(shifts.size())}, 0});
    weights.arrays.emplace_back(shifts.size(), 0.0F);
  }
  std::vector<float>& kernel = weights.arrays[index_of_slot(layer, "weight")];
  std::vector<float>& bias = weights.arrays[index_of_slot(layer, "bias")];
  const std::size_t run = kernel.size() / factors.size();
  for (std::size_t i = 0; i < kernel.size(); ++i) kernel[i] *= factors[i / run];
  for (std::size_t c = 0; c < bias.size(); ++c) bias[c] = bias[c] * factors[c] + shifts[c];
}

}  // namespace

OnnxFlow affine(OnnxWork& work, const OnnxFlow& flow, const std::vector<float>& factors,
                const std::vector<float>& shifts) {
  const Node& layer = work.graph.node(flow.node);
  if (!layer.weights.empty() && !flow.shared && work.read.count(flow.node) == 0) {
    fold(work, flow.node, factors, shifts);
    return flow;
  }
  count_made(work, 4 * factors.size());
  Params params;  // a batch norm of which only the factor and the shift are left
  params.set("epsilon", 1e-12);
  OnnxFlow other = flow;
  other.node =
      add_node(work, "batch_norm", params, {flow.node}, "",
               {factors, shifts, std::vector<float>(factors.size(), 0), std::vector<float>(factors.size(), 1)});
  other.shared = false;
  return other;
}

namespace {

// sign(sign(x) + 1/2), which `onnx_from_graph` writes for our sign: returns that sign, or none.
NodeId our_sign(const OnnxWork& work, NodeId id) {
  const Node& shift = work.graph.node(id);
  if (shift.op == nullptr || std::string_view(shift.op->name) != "batch_norm") return NodeId::none;
  const Node& first = work.graph.node(shift.inputs[0]);
  if (first.op == nullptr || std::string_view(first.op->name) != "sign") return NodeId::none;
  const std::vector<std::vector<float>>& arrays = work.weights[index_of(id)].arrays;
  const auto all = [](const std::vector<float>& values, float wanted) {
    return std::all_of(values.begin(), values.end(), [&](float value) { return value == wanted; });
  };
  return all(arrays[0], 1) && all(arrays[1], 0.5F) && all(arrays[2], 0) ? shift.inputs[0] : NodeId::none;
}

}  // namespace

void convert_activation(OnnxWork& work, const OnnxNode& node) {
  OnnxFlow flow = flow_of(work, node, 0);
  if (const NodeId sign = node.op == "Sign" ? our_sign(work, flow.node) : NodeId::none; sign != NodeId::none) {
    flow.node = sign;
    --work.signs;  // the first of the two
    return set_flow(work, node, flow);
  }
  std::string op = node.op;
  std::transform(op.begin(), op.end(), op.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
  each_value(work, node, op.c_str());
  work.signs += op == "sign" ? 1 : 0;
}

void convert_clip(OnnxWork& work, const OnnxNode& node) {
  constexpr double kLimit = 1e15;  // of our clip; beyond it nothing is cut off
  const bool inputs = work.source.opset >= 11;
  const auto bound = [&](std::size_t i, const char* name, double fallback) {
    if (!inputs) return real_of(node, name, fallback);
    if (!has_input(node, i)) return fallback;
    const OnnxTensor* tensor = constant_of(work, node.inputs[i]);
    if (tensor == nullptr || tensor->reals.size() != 1) throw OpError(fmt::format("its {} must be one constant", name));
    return static_cast<double>(tensor->reals.front());
  };
  const double low = bound(1, "min", -std::numeric_limits<double>::infinity());
  const double high = bound(2, "max", std::numeric_limits<double>::infinity());
  if (std::isnan(low) || std::isnan(high)) throw OpError("has a bound that is not a number");
  Params params;
  if (low > -kLimit) params.set("min", low);
  if (high < kLimit) params.set("max", high);
  if (low == 0 && high >= kLimit) each_value(work, node, "relu");
  else if (params.all().empty()) set_flow(work, node, flow_of(work, node, 0));
  else each_value(work, node, "clip", params);
}

// Up to opset 12 softmax takes all sizes from `axis` on as one.
void convert_softmax(OnnxWork& work, const OnnxNode& node) {
  const bool old = work.source.opset < 13;
  OnnxFlow flow = padded(work, flow_of(work, node, 0));
  const auto rank = static_cast<std::int64_t>(flow.shape.size()) + 1;
  const std::int64_t given = integer_of(node, "axis", old ? 1 : -1);
  if ((given < 0 ? given + rank : given) != 1)
    throw OpError(fmt::format("goes along the axis {} of {}; channels are needed", given, onnx_shape_text(flow.shape)));
  const Shape shape = flow.shape;
  if (old) flow = reshaped(work, flow, {element_count(shape)});
  const NodeId input = plain(work, flow);
  set_flow(work, node, reshaped(work, flow_from(work, add_node(work, "softmax", {}, {input})), shape));
}

void convert_identity(OnnxWork& work, const OnnxNode& node) {
  constexpr std::int64_t kFloat = 1;  // TensorProto.FLOAT
  if (node.op == "Cast" && integer_of(node, "to", kFloat) != kFloat) throw OpError("casts to another type than float");
  if (node.op == "Dropout" && has_input(node, 2)) {
    const OnnxTensor* training = constant_of(work, node.inputs[2]);
    if (training == nullptr || training->integers != std::vector<std::int64_t>{0})
      throw OpError("is in training mode; export the model for inference");
  }
  set_flow(work, node, flow_of(work, node, 0));
}

void convert_arithmetic(OnnxWork& work, const OnnxNode& node) {
  for (std::size_t i = 0; i < node.inputs.size() && node.inputs.size() == 2; ++i)
    if (constant_of(work, node.inputs[i]) != nullptr) return with_constant(work, node, i);
  if (node.op != "Add" && node.op != "Sum") throw OpError("computes with two values; one of them must be constant");
  std::vector<OnnxFlow> flows;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) flows.push_back(padded(work, flow_of(work, node, i)));
  OnnxFlow sum = flows.front();
  sum.shared = false;
  const bool alike = std::all_of(flows.begin(), flows.end(), [&](const OnnxFlow& flow) {
    return flow.shape == sum.shape && flow.axes == sum.axes && flow.columns == sum.columns &&
           shape_of(work, flow.node) == shape_of(work, sum.node);
  });
  std::vector<NodeId> inputs;
  for (const OnnxFlow& flow : flows) inputs.push_back(alike ? flow.node : plain(work, flow));
  if (!alike) sum = flow_from(work, inputs.front());
  if (inputs.size() > 1) sum.node = add_node(work, "add", {}, inputs);
  set_flow(work, node, sum);
}

}  // namespace cleave
