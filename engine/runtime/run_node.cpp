#include "engine/runtime/run_node.h"

#include <array>
#include <cassert>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include "engine/runtime/denormals.h"
#include "ops/core/half.h"

namespace cleave {

namespace {

bool clamps(const Epilogue& epilogue) {
  return epilogue.activation != nullptr && epilogue.activation->clamp != nullptr;
}

// Does what the op did not do itself.
void apply_epilogue(const Node& node, const Frame& frame, const TensorView& output) {
  const Epilogue& epilogue = node.epilogue;
  if (epilogue.add != NodeId::none && !node.op->fuses) {
    const std::span<const float> other = frame.output(epilogue.add).values();
    const std::span<float> values = output.values();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += other[i];
  }
  if (epilogue.activation == nullptr || (node.op->fuses && clamps(epilogue))) return;
  const ConstTensorView in_place = as_const(output);
  epilogue.activation->forward({epilogue.activation_params, {&in_place, 1}, nullptr, output});
}

void run_op(const Node& node, const PackedWeights& packed, const Frame& frame, const TensorView& output) {
  constexpr std::size_t kFew = 8;  // more inputs than any op but a wide concat has
  std::array<ConstTensorView, kFew> few;
  std::vector<ConstTensorView> many;
  const Epilogue& epilogue = node.epilogue;
  const std::size_t count = node.inputs.size() - (epilogue.add == NodeId::none ? 0 : 1);
  if (count > kFew) many.resize(count);
  ConstTensorView* inputs = count > kFew ? many.data() : few.data();
  for (std::size_t i = 0; i < count; ++i) inputs[i] = frame.output(node.inputs[i]);
  const PackedWeights* weights = node.op->pack == nullptr ? nullptr : &packed;
  ForwardArgs args{node.params, {inputs, count}, weights, output};
  if (node.op->fuses && epilogue.add != NodeId::none) args.add = frame.output(epilogue.add);
  if (node.op->fuses && clamps(epilogue)) args.clamp = epilogue.activation->clamp(epilogue.activation_params);
  node.op->forward(args);
}

}  // namespace

std::vector<PackedWeights> pack_weights(const Graph& graph, Weights weights) {
  assert(weights.size() == graph.nodes.size());
  std::vector<PackedWeights> packed(graph.nodes.size());
  for (std::size_t i = 0; i < packed.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.op == nullptr || node.op->pack == nullptr) continue;
    packed[i] = node.op->pack(node.params, input_types(graph, node), std::move(weights[i]));
  }
  return packed;
}

void run_node(const Graph& graph, NodeId id, const PackedWeights& packed, Frame& frame) {
  const Node& node = graph.node(id);
  if (node.op == nullptr) return;
  try {
    const TensorView output = frame.slot(id);
    run_op(node, packed, frame, output);
    apply_epilogue(node, frame, output);
    if (node.type.dtype == DType::f16) round_to_f16(output.values());
  } catch (const std::exception& error) {
    throw RunError(fmt::format("node '{}' ({}): {}", node.name, node.op->name, error.what()));
  }
}

void run_graph(const Graph& graph, const std::vector<PackedWeights>& packed, Frame& frame) {
  const FlushDenormals flush;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) run_node(graph, static_cast<NodeId>(i), packed[i], frame);
}

}  // namespace cleave
