#include "bench/peers/engine_case.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>

#include <fmt/format.h>

#include "engine/cli/command.h"
#include "engine/runtime/flow.h"
#include "graphs/passes.h"
#include "graphs/weights_file.h"
#include "ops/core/rng.h"

namespace cleave {

namespace {

// Biases that are not zero, and option A's shortcuts: channel i of the input is channel i + shift of the output.
void fill_weights(const Graph& graph, Weights& weights) {
  Rng rng(20, kInitStream, 1);
  for (std::size_t i = 1; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    for (std::size_t slot = 0; slot < node.weights.size(); ++slot) {
      std::vector<float>& values = weights[i].arrays[slot];
      if (std::string(node.weights[slot].name) == "bias")
        for (float& value : values) value = static_cast<float>(0.01 * rng.normal());
      if (node.name.find("select") == std::string::npos) continue;
      const std::size_t out = static_cast<std::size_t>(node.type.shape.front()), in = values.size() / out;
      std::fill(values.begin(), values.end(), 0.0F);
      for (std::size_t c = 0; c < in; ++c) values[(c + (out - in) / 2) * in + c] = 1;
    }
  }
}

}  // namespace

EngineNet engine_net(const std::string& model_text, const std::string& weights_file) {
  EngineNet net;
  net.graph = load_model_text("bench", model_text).graph;
  net.weights = initial_weights(net.graph, 1);
  fill_weights(net.graph, net.weights);
  if (!weights_file.empty()) write_weights(weights_file, net.graph, net.weights, {});
  run_passes(net.graph, net.weights);
  return net;
}

PeerCase engine_case(const std::string& name, const EngineNet& net, const PeerInput& input, int threads,
                     int timed_threads) {
  const NodeId output = net.graph.output;
  const auto flow = std::make_shared<Flow>(
      net.graph, net.weights, FlowOptions{.batch = input.batch, .in_flight = 1, .threads = threads, .kept = {output}});
  const auto last = std::make_shared<std::vector<float>>();
  const auto run = [flow, last, output, input](int calls) {
    const FrameSource source = [&](std::int64_t seq, TensorView frame) {
      if (seq >= calls) return std::int64_t{0};
      if (seq == 0) std::copy(input.nhwc.begin(), input.nhwc.end(), frame.data);  // the only frame keeps it
      return input.batch;
    };
    flow->run(source, [&](const FrameResult& result) {
      if (result.seq + 1 < calls) return;
      const std::span<const float> values = result.output(output).values();
      last->assign(values.begin(), values.end());
    });
  };
  const int clock = std::max(threads, timed_threads);
  return {name, [run, clock](int calls) { return seconds_a_call(clock, calls, run); }, [last] { return *last; }};
}

std::string resnet20_text() {
  std::ifstream file(CLEAVE_SOURCE_DIR "/bench/models/resnet20.yaml");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string chain_text(const std::string& name, std::int64_t size, std::int64_t channels, ChainKind kind) {
  const char* extra = kind == ChainKind::int8 ? ", input_scale: 0.02" : "";
  std::string body = fmt::format("{{conv2d: {{filters: {}, kernel: 3, padding: 1{}}}}}", channels, extra);
  if (kind == ChainKind::binary) {
    body.pop_back();
    body = fmt::format("sign, {}, weights: {{binary: [-1, 1]}}}}", body);
  }
  return fmt::format(
      "version: 1\nname: {}\nnetwork:\n  input: {{image: [{}, {}, {}]}}\n"
      "  layers: [{{repeat: {{times: {}, body: [{}]}}}}]\n",
      name, channels, size, size, kChain, body);
}

}  // namespace cleave
