#include "tests/engine/runtime/test_graphs.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "engine/runtime/run_node.h"
#include "ops/core/rng.h"

namespace cleave::testing_ops {

namespace {

TensorType same_type(const Params&, std::span<const TensorType> inputs) { return inputs.front(); }

Cost some_cost(const Params&, std::span<const TensorType>, const TensorType& output, const WeightType&,
               std::int64_t batch) {
  return {100'000 * batch * element_count(output.shape), 0, 4 * batch * element_count(output.shape)};
}

void forward_mix(const ForwardArgs& args) {
  const std::span<float> out = args.output.values();
  for (std::size_t i = 0; i < out.size(); ++i) {
    float sum = 0;
    float factor = 0;
    for (const ConstTensorView& input : args.inputs) sum += (factor += 1.0F) * input.values()[i];
    out[i] = 8 * sum / (1 + std::abs(sum - 20));
  }
}

void forward_gain(const ForwardArgs& args) {
  const std::span<float> out = args.output.values();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = args.inputs[0].values()[i] * args.weights->arrays[0][0] / 2;
}

std::vector<WeightSlot> gain_weights(const Params&, std::span<const TensorType>, const WeightType&) {
  return {{"weight", Role::kernel, {1, 1}, 0}};
}

PackedWeights pack_gain(const Params&, std::span<const TensorType>, LayerWeights weights) {
  return {{{2 * weights.arrays[0][0]}}, {}};
}

void forward_halve(const ForwardArgs& args) {
  const std::span<float> out = args.output.values();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = args.inputs[0].values()[i] / 2;
}

void forward_throw(const ForwardArgs& args) {
  if (args.inputs[0].data[0] >= static_cast<float>(args.params.integer("limit")))
    throw std::runtime_error("out of luck");
  forward_halve(args);
}

void forward_block(const ForwardArgs& args) {
  const auto* flag = reinterpret_cast<const std::atomic<bool>*>(args.params.integer("flag"));
  while (!flag->load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  forward_halve(args);
}

void forward_meet(const ForwardArgs& args) {
  auto* count = reinterpret_cast<std::atomic<int>*>(args.params.integer("count"));
  ++*count;
  while (count->load() < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  forward_halve(args);
}

void forward_tiny(const ForwardArgs& args) {
  volatile float small = 1e-30F;
  volatile float smaller = 1e-10F;
  for (float& value : args.output.values()) value = small * smaller;
}

OpDef simple_op(const char* name, void (*forward)(const ForwardArgs&)) {
  OpDef op{};
  op.name = name;
  op.doc = "for tests";
  op.max_inputs = -1;
  op.infer = same_type;
  op.cost = some_cost;
  op.forward = forward;
  return op;
}

OpDef gain_op() {
  OpDef op = simple_op("gain", forward_gain);
  op.weights = gain_weights;
  op.pack = pack_gain;
  return op;
}

std::vector<float> all_outputs(const Graph& graph, const Frame& frame) {
  std::vector<float> values;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const std::span<const float> slot = frame.output(static_cast<NodeId>(i)).values();
    values.insert(values.end(), slot.begin(), slot.end());
  }
  return values;
}

}  // namespace

const OpDef kMix = simple_op("mix", forward_mix);
const OpDef kGain = gain_op();
const OpDef kHalve = simple_op("halve", forward_halve);
const OpDef kThrow = simple_op("throw", forward_throw);
const OpDef kBlock = simple_op("block", forward_block);
const OpDef kMeet = simple_op("meet", forward_meet);
const OpDef kTiny = simple_op("tiny", forward_tiny);

Graph input_graph(std::int64_t size) {
  Graph graph;
  graph.name = "test";
  graph.nodes.resize(1);
  graph.nodes[0].name = "input";
  graph.nodes[0].type = {DType::f32, {size}};
  graph.nodes[0].part = Part::input;
  graph.output = NodeId{0};
  return graph;
}

NodeId add_node(Graph& graph, const OpDef& op, std::vector<NodeId> inputs, Params params) {
  Node node;
  const auto id = static_cast<NodeId>(graph.nodes.size());
  node.name = fmt::format("{}_{}", op.name, graph.nodes.size());
  node.op = &op;
  node.params = std::move(params);
  node.inputs = std::move(inputs);
  node.type = graph.nodes[0].type;
  const std::vector<TensorType> types = input_types(graph, node);
  if (op.weights != nullptr) node.weights = op.weights(node.params, types, node.weight_type);
  node.cost = op.cost(node.params, types, node.type, node.weight_type, 1);
  graph.nodes.push_back(std::move(node));
  graph.output = id;
  return id;
}

Params flag_params(const std::atomic<bool>& flag) {
  Params params;
  params.set("flag", static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(&flag)));
  return params;
}

Params count_params(const std::atomic<int>& count) {
  Params params;
  params.set("count", static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(&count)));
  return params;
}

Graph random_dag(std::uint64_t seed) {
  Rng rng(seed, kTestStream, 0);
  Graph graph = input_graph(1 + rng.below(5));
  const std::int64_t nodes = 2 + rng.below(59);
  while (static_cast<std::int64_t>(graph.nodes.size()) < nodes) {
    const auto made = static_cast<std::int64_t>(graph.nodes.size());
    const auto pick = [&] { return static_cast<NodeId>(std::max<std::int64_t>(0, made - 1 - rng.below(8))); };
    if (rng.below(4) == 0) {
      add_node(graph, kGain, {pick()});
      continue;
    }
    std::vector<NodeId> inputs;
    for (std::int64_t n = 1 + rng.below(rng.below(8) == 0 ? 12 : 3); n > 0; --n) inputs.push_back(pick());
    Node& node = graph.node(add_node(graph, kMix, inputs));
    if (rng.below(3) == 0) {
      node.inputs.push_back(pick());
      node.epilogue.add = node.inputs.back();
    }
    if (rng.below(3) == 0) node.epilogue.activation = &kHalve;
  }
  return graph;
}

FrameSource counting_source(const Graph& graph, std::int64_t samples) {
  const std::int64_t size = element_count(graph.nodes[0].type.shape);
  return [=](std::int64_t seq, TensorView input) {
    const std::int64_t count = std::clamp<std::int64_t>(samples - seq * input.batch, 0, input.batch);
    for (std::int64_t s = 0; s < count; ++s)
      for (std::int64_t i = 0; i < size; ++i)
        input.sample(s)[i] = static_cast<float>(seq * input.batch + s) + static_cast<float>(i) / 100;
    return count;
  };
}

std::vector<std::vector<float>> sequential_outputs(const Graph& graph, const Weights& weights, std::int64_t batch,
                                                   std::int64_t samples) {
  const std::vector<PackedWeights> packed = pack_weights(graph, weights);
  const FrameSource source = counting_source(graph, samples);
  Frame frame(graph, batch);
  std::vector<std::vector<float>> outputs;
  for (;; ++frame.seq) {
    frame.count = source(frame.seq, frame.whole_slot(NodeId{0}));
    if (frame.count == 0) return outputs;
    run_graph(graph, packed, frame);
    outputs.push_back(all_outputs(graph, frame));
  }
}

std::vector<std::vector<float>> flow_outputs(const Graph& graph, const Weights& weights, const FlowOptions& options,
                                             std::int64_t samples) {
  std::vector<std::vector<float>> outputs;
  Flow flow(graph, weights, options);
  flow.run(counting_source(graph, samples),
           [&](const FrameResult& result) { outputs.push_back(all_outputs(graph, *result.frame)); });
  return outputs;
}

std::string run_error(const Graph& graph, const FlowOptions& options, std::int64_t samples) {
  try {
    flow_outputs(graph, initial_weights(graph, 1), options, samples);
  } catch (const RunError& error) {
    return error.what();
  }
  return "";
}

}  // namespace cleave::testing_ops
