#include "engine/runtime/run_node.h"

#include <algorithm>
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
void apply_epilogue(const Node& node, const Trip& trip, const TensorView& output) {
  const Epilogue& epilogue = node.epilogue;
  if (epilogue.add != NodeId::none && !node.op->fuses) {
    const std::span<const float> other = trip.output(epilogue.add).values();
    const std::span<float> values = output.values();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += other[i];
  }
  if (epilogue.activation == nullptr || (node.op->fuses && clamps(epilogue))) return;
  const ConstTensorView in_place = as_const(output);
  epilogue.activation->forward({epilogue.activation_params, {&in_place, 1}, nullptr, output});
}

void run_op(const Graph& graph, NodeId id, const PackedWeights& packed, const Trip& trip, const Parallel* parallel) {
  const Node& node = graph.node(id);
  constexpr std::size_t kFew = 8;  // more inputs than any op but a wide concat has
  std::array<ConstTensorView, kFew> few;
  std::vector<ConstTensorView> many;
  const Epilogue& epilogue = node.epilogue;
  const std::size_t count = node.inputs.size() - (epilogue.add == NodeId::none ? 0 : 1);
  if (count > kFew) many.resize(count);
  ConstTensorView* inputs = count > kFew ? many.data() : few.data();
  for (std::size_t i = 0; i < count; ++i) inputs[i] = trip.output(node.inputs[i]);
  const PackedWeights* weights = node.op->pack == nullptr ? nullptr : &packed;
  ForwardArgs args{node.params, {inputs, count}, weights, trip.slot(id)};
  args.scratch = trip.scratch(id);
  args.parallel = parallel;
  if (node.op->fuses && epilogue.add != NodeId::none) args.add = trip.output(epilogue.add);
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

std::int64_t packed_bytes(const std::vector<PackedWeights>& packed) {
  std::size_t bytes = 0;
  for (const PackedWeights& weights : packed) {
    bytes += weights.panel.size();
    for (const std::vector<float>& array : weights.arrays) bytes += array.size() * sizeof(float);
  }
  return static_cast<std::int64_t>(bytes);
}

void run_node(const Graph& graph, NodeId id, const PackedWeights& packed, Trip& trip, const Parallel* parallel) {
  const Node& node = graph.node(id);
  if (node.op == nullptr) return;
  try {
    run_op(graph, id, packed, trip, parallel);
    const TensorView output = trip.slot(id);
    apply_epilogue(node, trip, output);
    if (node.type.dtype == DType::f16) round_to_f16(output.values());
  } catch (const std::exception& error) {
    throw RunError(fmt::format("node '{}' ({}): {}", node.name, node.op->name, error.what()));
  }
}

void run_graph(const Graph& graph, const std::vector<PackedWeights>& packed, Frame& frame, Trip& trip) {
  const FlushDenormals flush;
  const std::int64_t slice = frame.plan().slice;
  for (std::int64_t first = 0; first < frame.count; first += slice) {
    trip.begin(frame, first, std::min(slice, frame.count - first));
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) run_node(graph, static_cast<NodeId>(i), packed[i], trip);
  }
}

void run_graph(const Graph& graph, const std::vector<PackedWeights>& packed, Frame& frame) {
  Trip trip(graph, frame.plan());
  run_graph(graph, packed, frame, trip);
}

}  // namespace cleave
