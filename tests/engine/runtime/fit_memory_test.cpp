#include "engine/runtime/fit_memory.h"

#include <gtest/gtest.h>

#include "engine/runtime/evaluate.h"
#include "engine/runtime/flow.h"
#include "graphs/passes.h"
#include "tests/engine/runtime/test_graphs.h"
#include "tests/support/models.h"

namespace cleave {
namespace {

using testing_ops::counting_source;

// Depthwise and pointwise convolutions whose first images are the largest.
Model micro() {
  const std::string dw = "{conv2d: {filters: 16, kernel: 3, stride: 2, padding: 1, groups: 16}}";
  return model_of(
      "version: 1\nnetwork:\n  input: {image: [3, 64, 64]}\n  layers: [{conv2d: {filters: 16, kernel: 3, "
      "padding: same}}, relu, " +
      dw +
      ", {conv2d: {filters: 24, kernel: 1}}, relu, {mean_pool: {size: "
      "all}}, flatten, {dense: {units: 10}}]\n");
}

struct Answers {
  std::vector<float> values;
  std::int64_t activation_bytes = 0;
};

Answers answers_of(Graph graph, Weights weights) {
  run_passes(graph, weights);
  Flow flow(graph, weights, {.in_flight = 1, .threads = 1, .kept = answering_nodes(graph), .serial = true});
  Answers answers{{}, flow.activation_bytes()};
  flow.run(counting_source(graph, 5), [&](const FrameResult& result) {
    const ConstTensorView output = result.output(graph.output);
    answers.values.insert(answers.values.end(), output.data, output.data + 10);
  });
  return answers;
}

constexpr LimitsSpec kLimits{.memory_bytes = 256 * 1024, .weight_bytes = 0};

TEST(FitMemory, PatchesFitWhereThePlainRunDoesNotAndAnswerTheSame) {
  Graph graph = micro().graph;
  Weights weights = initial_weights(graph, 1);
  const RunMemory memory = run_memory(graph, kLimits);
  const Answers plain = answers_of(graph, weights);
  ASSERT_TRUE(memory.patches);
  apply_patches(graph, weights, *memory.patches);
  const Answers patched = answers_of(graph, weights);
  EXPECT_EQ(plain.activation_bytes, memory.shared_bytes);
  EXPECT_EQ(patched.activation_bytes, memory.patched_bytes);
  EXPECT_GT(plain.activation_bytes, 256 * 1024);
  EXPECT_LE(patched.activation_bytes, 256 * 1024);
  EXPECT_EQ(patched.values, plain.values);
}

TEST(FitMemory, SaysWhatTheOverlapOfThePatchesCosts) {
  const Graph graph = micro().graph;
  const RunMemory memory = run_memory(graph, kLimits);
  ASSERT_TRUE(memory.patches);
  // One row of the first layer more for each border between two bands; it has 64 of them and 432 of 768 products.
  const double rows = static_cast<double>(memory.patches->count - 1) / 64;
  const double first = 64.0 * 64 * 27 * 16;
  EXPECT_NEAR(memory.patches->extra_compute, rows * first / static_cast<double>(total_cost(graph).mult_adds), 1e-9);
}

TEST(FitMemory, TakesNoPatchesWhereNoneAreNeeded) {
  const RunMemory memory = run_memory(micro().graph, {.memory_bytes = 1e9});
  EXPECT_FALSE(memory.patches);
  EXPECT_EQ(memory.patched_bytes, memory.shared_bytes);
  EXPECT_LT(memory.shared_bytes, memory.apart_bytes);
  EXPECT_EQ(why_too_large(memory, {.memory_bytes = 1e9}), "");
}

TEST(FitMemory, SaysWhichLayerIsTooLargeForAnyPatches) {
  const LimitsSpec limits{.memory_bytes = 32 * 1024};
  const std::string why = why_too_large(run_memory(micro().graph, limits), limits);
  EXPECT_NE(why.find("no number of patches"), std::string::npos) << why;
  EXPECT_NE(why.find("the limit is 32.0 KiB"), std::string::npos) << why;
}

TEST(FitMemory, WeightsAreHeldToTheirOwnLimitOrToThatOfTheActivations) {
  const RunMemory memory = run_memory(micro().graph, {});
  const auto bytes = static_cast<double>(memory.weight_bytes);
  EXPECT_EQ(why_too_large(memory, {.memory_bytes = 1e6}), "");
  EXPECT_EQ(why_too_large(memory, {.memory_bytes = 1e6, .weight_bytes = bytes}), "");
  EXPECT_NE(why_too_large(memory, {.memory_bytes = 1e6, .weight_bytes = bytes - 1}), "");
}

}  // namespace
}  // namespace cleave
