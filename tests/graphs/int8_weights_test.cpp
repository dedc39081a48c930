#include "graphs/int8_array.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "graphs/safetensors.h"
#include "graphs/weights_file.h"
#include "ops/core/error.h"
#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

// 64 inputs -> 32 units in int8 -> 3 classes in floats.
Graph graph_of(std::int64_t units = 32) {
  LayerNote note{"dense", units};
  note.params.set("input_scale", 0.1);
  return layer_graph({64}, {{{note}, {{"dense", 3}}}});
}

Weights rounded(const Graph& graph) {
  Weights weights = initial_weights(graph, 1);
  round_to_int8(weights[1].arrays[0], channels_of(graph.nodes[1].weights[0].shape));
  return weights;
}

Bytes file_of(const Graph& graph, const Weights& weights) { return weights_to_bytes(graph, weights, {}, "test"); }

std::vector<std::string> names_in(const Bytes& file) {
  const SafeFile contents = parse_safetensors(file, "test");
  std::vector<std::string> names;
  for (const SafeArray& array : contents.arrays) names.push_back(array.name + " " + array.dtype);
  return names;
}

TEST(Int8Weights, ComeBackToTheBit) {
  const Graph graph = graph_of();
  for (const Weights& weights : {rounded(graph), initial_weights(graph, 1)})
    EXPECT_EQ(weights_hash(graph, parse_weights(file_of(graph, weights), "test", graph)), weights_hash(graph, weights));
}

TEST(Int8Weights, AreStoredAsBytesWithAScalePerFilter) {
  const Graph graph = graph_of();
  EXPECT_EQ(names_in(file_of(graph, rounded(graph))),
            (std::vector<std::string>{"dense_1.weight.scales F32", "dense_1.bias F32", "dense_2.weight F32",
                                      "dense_2.bias F32", "dense_1.weight I8"}));
}

TEST(Int8Weights, ThatAreNotRoundedAreStoredAsFloats) {
  const Graph graph = graph_of();
  EXPECT_EQ(names_in(file_of(graph, initial_weights(graph, 1))).front(), "dense_1.weight F32");
}

// One step of a filter's scale, its largest weight / 127; rounding twice changes nothing.
TEST(Int8Weights, AreRoundedToTheNearest) {
  const Graph graph = graph_of();
  const std::vector<float> before = initial_weights(graph, 1)[1].arrays[0];
  std::vector<float> after = rounded(graph)[1].arrays[0];
  for (std::size_t f = 0; f < 32; ++f) {
    float largest = 0, error = 0;
    for (std::size_t i = 64 * f; i < 64 * (f + 1); ++i) {
      largest = std::max(largest, std::abs(before[i]));
      error = std::max(error, std::abs(before[i] - after[i]));
    }
    EXPECT_LE(error, 0.5001F * largest / 127);
  }
  const std::vector<float> once = after;
  round_to_int8(after, 32);
  EXPECT_EQ(after, once);
}

TEST(Int8Weights, OfAnotherShapeAreRefused) {
  const Bytes file = file_of(graph_of(), rounded(graph_of()));
  try {
    parse_weights(file, "w.safetensors", graph_of(16));
    FAIL() << "accepted";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("dense_1.weight: file int8 [32, 64], model 16x64"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace cleave
