// Every shipped model, fused as inference runs it, through the flow graph: the same bits for any number of threads and
// frames in flight, and the reference runner's numbers on the model as written.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "engine/runtime/flow.h"
#include "graphs/passes.h"
#include "ops/core/rng.h"
#include "tests/reference/reference_runner.h"

namespace cleave {
namespace {

constexpr std::int64_t kSamples = 7;
constexpr std::int64_t kBatch = 2;

// The models that ship, and those of the examples: these are called model.yaml.
std::vector<std::string> shipped_models() {
  std::vector<std::string> files;
  for (const char* folder : {"/graphs/models", "/examples"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(std::string(CLEAVE_SOURCE_DIR) + folder)) {
      const bool example = std::string(folder) == "/examples";
      if (example ? entry.path().filename() == "model.yaml" : entry.path().extension() == ".yaml")
        files.push_back(entry.path().string());
    }
  return files;
}

// Start weights with biases and batch-norm statistics that are not trivial.
Weights random_weights(const Graph& graph) {
  Weights weights = initial_weights(graph, 7);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (std::size_t a = 0; a < graph.nodes[i].weights.size(); ++a) {
      if (graph.nodes[i].weights[a].role == Role::kernel) continue;
      Rng rng(7, kTestStream, 100 * i + a);
      for (float& value : weights[i].arrays[a]) value += static_cast<float>(0.3 * rng.uniform());
    }
  return weights;
}

Tensor random_input(const Shape& shape) {
  Tensor input(kSamples, shape);
  Rng rng(3, kTestStream, 0);
  for (float& value : input.data) value = static_cast<float>(rng.uniform());
  return input;
}

// The outputs of a node for all samples, in order.
std::vector<float> run_flow(const Graph& graph, const Weights& weights, const Tensor& input, NodeId node, int threads,
                            std::int64_t in_flight) {
  FlowOptions options;
  options.batch = kBatch;
  options.threads = threads;
  options.in_flight = in_flight;
  Flow flow(graph, weights, options);
  std::vector<float> outputs;
  const auto source = [&](std::int64_t seq, TensorView slot) {
    const std::int64_t first = seq * kBatch;
    const std::int64_t count = std::min(kBatch, kSamples - first);
    if (count <= 0) return std::int64_t{0};
    std::copy_n(input.view().sample(first), count * slot.sample_size(), slot.data);
    return count;
  };
  flow.run(source, [&](const FrameResult& frame) {
    const ConstTensorView view = frame.output(node);
    outputs.insert(outputs.end(), view.data, view.data + frame.count * view.sample_size());
  });
  return outputs;
}

double largest_difference(const std::vector<float>& outputs, const Tensor& expected) {
  double scale = 1e-3, difference = 0;
  for (const float value : expected.data) scale = std::max(scale, std::abs(static_cast<double>(value)));
  for (std::size_t i = 0; i < expected.data.size(); ++i)
    difference = std::max(difference, std::abs(static_cast<double>(outputs.at(i)) - expected.data[i]));
  return difference / scale;
}

void check_model(const std::string& file) {
  const Model model = load_model(file, cleave_language());
  if (model.graph.nodes.empty()) return;  // a swarm file
  const Weights weights = random_weights(model.graph);
  const Tensor input = random_input(model.graph.nodes.front().type.shape);
  const std::vector<NchwTensor> expected = reference_run(model.graph, weights, to_nchw(input.view()));
  Graph fused = model.graph;
  Weights fused_weights = weights;
  run_passes(fused, fused_weights);
  // What lies near the middle of two halves may be rounded to the other one.
  const bool halves = std::any_of(fused.nodes.begin(), fused.nodes.end(),
                                  [](const Node& node) { return node.type.dtype == DType::f16; });
  const double tolerance = halves ? 1e-3 : 1e-4;
  for (std::size_t m = 0; m < fused.modules.size(); ++m) {
    const bool has_head = fused.modules[m].head != NodeId::none;
    const NodeId node = has_head ? fused.modules[m].head : fused.modules[m].body;
    const NodeId written = has_head ? model.graph.modules[m].head : model.graph.modules[m].body;
    const std::vector<float> outputs = run_flow(fused, fused_weights, input, node, 1, 1);
    EXPECT_LT(largest_difference(outputs, to_nhwc(expected[index_of(written)])), tolerance);
    for (const int threads : {1, 2})
      for (const std::int64_t in_flight : {1, 64})
        EXPECT_EQ(outputs, run_flow(fused, fused_weights, input, node, threads, in_flight));
  }
}

TEST(ShippedModels, FlowEqualsTheReferenceForAnyThreadsAndFramesInFlight) {
  const std::vector<std::string> files = shipped_models();
  ASSERT_GE(files.size(), 4U);
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    check_model(file);
  }
}

}  // namespace
}  // namespace cleave
