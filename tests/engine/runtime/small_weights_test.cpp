// Whole networks whose layers compute in bits or bytes, fused as inference runs them, beside the reference in real
// numbers.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/runtime/flow.h"
#include "graphs/passes.h"
#include "ops/core/rng.h"
#include "tests/reference/reference_runner.h"
#include "tests/support/models.h"

namespace cleave {
namespace {

constexpr std::int64_t kSamples = 3;

Tensor random_image(const Shape& shape) {
  Tensor input(kSamples, shape);
  Rng rng(3, kTestStream, 0);
  for (float& value : input.data) value = static_cast<float>(rng.normal());
  return input;
}

// Start weights, all else around 1.
Weights random_weights(const Graph& graph) {
  Weights weights = initial_weights(graph, 7);
  Rng rng(7, kTestStream, 1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (std::size_t a = 0; a < graph.nodes[i].weights.size(); ++a)
      if (graph.nodes[i].weights[a].role != Role::kernel)
        for (float& value : weights[i].arrays[a]) value = static_cast<float>(0.5 + rng.uniform());
  return weights;
}

std::vector<float> run(Graph graph, Weights weights, const Tensor& input, int threads) {
  run_passes(graph, weights);
  FlowOptions options;
  options.batch = kSamples;
  options.threads = threads;
  Flow flow(graph, weights, options);
  std::vector<float> output;
  const auto source = [&](std::int64_t seq, TensorView slot) {
    if (seq > 0) return std::int64_t{0};
    std::copy(input.data.begin(), input.data.end(), slot.data);
    return kSamples;
  };
  flow.run(source, [&](const FrameResult& frame) {
    const ConstTensorView view = frame.output(graph.output);
    output.assign(view.data, view.data + kSamples * view.sample_size());
  });
  return output;
}

// The largest difference as a part of the largest output.
double difference_to_reference(const Model& model, const std::vector<float>& output, const Tensor& input,
                               const Weights& weights) {
  const Tensor wanted =
      to_nhwc(reference_run(model.graph, weights, to_nchw(input.view()))[index_of(model.graph.output)]);
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < output.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(wanted.data.at(i))));
    difference = std::max(difference, std::abs(static_cast<double>(output[i] - wanted.data[i])));
  }
  return difference / largest;
}

std::string network_of(const char* weights, const char* int8) {
  return std::string("[{conv2d: {filters: 40, kernel: 3, padding: same") + int8 +
         "}, weights: real}, sign, {conv2d: {filters: 70, kernel: 3, stride: 2, padding: 1}, weights: " + weights +
         "}, batch_norm, sign, {max_pool: {size: 2}}, flatten, {dense: {units: 20}, weights: " + weights +
         "}, tanh, {dense: {units: 5" + int8 + "}, weights: real}]";
}

TEST(SmallWeights, BitsGiveWhatRealNumbersOfTheSameValuesGive) {
  for (const char* weights : {"{binary: [-1, 1]}", "{binary: [-1, 1], scale: per_filter}", "{binary: [0, 1]}",
                              "ternary", "{binary: [0, 1], scale: per_filter}"}) {
    const Model model = layers_of(network_of(weights, ""));
    const Tensor input = random_image(model.graph.nodes.front().type.shape);
    const Weights drawn = random_weights(model.graph);
    const std::vector<float> output = run(model.graph, drawn, input, 1);
    EXPECT_LT(difference_to_reference(model, output, input, drawn), 1e-5) << weights;
    EXPECT_EQ(output, run(model.graph, drawn, input, 2)) << weights;
  }
}

TEST(SmallWeights, BytesComeCloseToRealNumbers) {
  const Model model = layers_of(
      "[{conv2d: {filters: 20, kernel: 3, padding: same, input_scale: 0.03}}, relu, "
      "{conv2d: {filters: 20, kernel: 5, groups: 20, input_scale: 0.1}}, flatten, "
      "{dense: {units: 5, input_scale: 0.1}}]");
  const Tensor input = random_image(model.graph.nodes.front().type.shape);
  const Weights drawn = random_weights(model.graph);
  const std::vector<float> output = run(model.graph, drawn, input, 1);
  const double difference = difference_to_reference(model, output, input, drawn);
  EXPECT_LT(difference, 0.03);
  EXPECT_GT(difference, 1e-5) << "nothing was rounded";
  EXPECT_EQ(output, run(model.graph, drawn, input, 2));
}

}  // namespace
}  // namespace cleave
