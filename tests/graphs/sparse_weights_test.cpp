#include "graphs/sparse_array.h"

#include <gtest/gtest.h>

#include "graphs/safetensors.h"
#include "graphs/weights_file.h"
#include "ops/core/error.h"
#include "ops/core/rng.h"
#include "tests/support/files.h"
#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

// 64 inputs -> 32 units -> 3 classes: a kernel of 2048 weights that may be sparse, the head's 96 never are.
Graph graph_of(const WeightType& type = {}) { return layer_graph({64}, {{{{"dense", 32, type}}, {{"dense", 3}}}}); }

// Start weights of which each is kept with probability `share`.
Weights thinned(const Graph& graph, double share) {
  Weights weights = initial_weights(graph, 1);
  Rng rng(5, kTestStream, 0);
  for (float& w : weights[1].arrays[0])
    if (rng.uniform() >= share) w = 0;
  return weights;
}

Bytes file_of(const Graph& graph, const Weights& weights) { return weights_to_bytes(graph, weights, {}, "test"); }

std::vector<std::string> names_in(const Bytes& file) {
  const SafeFile contents = parse_safetensors(file, "test");
  std::vector<std::string> names;
  for (const SafeArray& array : contents.arrays) names.push_back(array.name + " " + array.dtype);
  return names;
}

TEST(SparseWeights, ComeBackToTheBit) {
  const Graph graph = graph_of();
  for (const double share : {0.0, 0.001, 0.02, 0.1, 0.5, 0.7, 1.0}) {
    Weights weights = thinned(graph, share);
    weights[1].arrays[0][7] = -0.0F;
    weights[1].arrays[0][2047] = 1e-42F;
    EXPECT_EQ(weights_hash(graph, parse_weights(file_of(graph, weights), "test", graph)), weights_hash(graph, weights));
  }
}

TEST(SparseWeights, AreStoredInTheSmallerForm) {
  const Graph graph = graph_of();
  const std::vector<std::string> tail = {"dense_1.bias F32", "dense_2.weight F32", "dense_2.bias F32"};
  const auto with = [&](std::vector<std::string> head, const std::string& last) {
    head.insert(head.end(), tail.begin(), tail.end());
    if (!last.empty()) head.push_back(last);
    return head;
  };
  EXPECT_EQ(names_in(file_of(graph, thinned(graph, 0.01))),
            with({"dense_1.weight.values F32", "dense_1.weight.indices U32"}, ""));
  EXPECT_EQ(names_in(file_of(graph, thinned(graph, 0.3))),
            with({"dense_1.weight.values F32"}, "dense_1.weight.bitmap U8"));
  EXPECT_EQ(names_in(file_of(graph, thinned(graph, 0.9))), with({"dense_1.weight F32"}, ""));
}

TEST(SparseWeights, TakeTheBytesThatAreAnnounced) {
  const Graph graph = graph_of();
  const Weights weights = thinned(graph, 0.1);
  const auto sparse = to_sparse(weights[1].arrays[0]);
  ASSERT_TRUE(sparse.has_value());
  const auto on = static_cast<std::int64_t>(sparse->values.size());
  EXPECT_EQ(sparse_bytes(2048, on), static_cast<std::int64_t>(4 * sparse->values.size() + sparse->place_bytes.size()));
  EXPECT_EQ(sparse_bytes(2048, 10), 80);
  EXPECT_EQ(sparse_bytes(2048, 1000), 4256);
}

TEST(SparseWeights, SmallArraysAndPackedOnesStayAsTheyAre) {
  const Graph graph = graph_of();
  Weights weights = thinned(graph, 0.1);
  for (float& w : weights[2].arrays[0]) w = 0;  // 96 weights
  EXPECT_EQ(names_in(file_of(graph, weights))[2], "dense_2.weight F32");
  EXPECT_FALSE(to_sparse(std::vector<float>(kLeastSparse - 1)).has_value());
  const Graph bits = graph_of({WeightType::Grid::bit, 1, false});
  EXPECT_EQ(names_in(file_of(bits, initial_weights(bits, 1))).back(), "dense_1.weight U8");
}

TEST(SparseWeights, OfAnotherShapeAreRefused) {
  const Graph graph = graph_of();
  const Bytes file = file_of(graph, thinned(graph, 0.1));
  const Graph other = layer_graph({32}, {{{{"dense", 64}}, {{"dense", 3}}}});
  const std::string error = error_of<UserError>([&] { parse_weights(file, "test", other); });
  EXPECT_NE(error.find("dense_1.weight: file sparse bitmap [32, 64], model 64x32"), std::string::npos) << error;
}

TEST(SparseWeights, WithPlacesThatDoNotFitTheValuesAreRefused) {
  std::vector<float> to(16);
  const std::vector<float> two = {1, 2};
  const auto wrong = [&](SparsePlaces places, const Bytes& bytes) { return expand_sparse(places, bytes, two, to); };
  EXPECT_EQ(wrong(SparsePlaces::bitmap, {0x81, 0}), "");
  EXPECT_EQ(wrong(SparsePlaces::bitmap, {0x83, 0}), "3 bits are set for 2 values");
  EXPECT_EQ(wrong(SparsePlaces::bitmap, {0x81}), "16 bits need 2 bytes, the file has 1");
  EXPECT_EQ(wrong(SparsePlaces::indices, {3, 0, 0, 0, 15, 0, 0, 0}), "");
  EXPECT_EQ(wrong(SparsePlaces::indices, {3, 0, 0, 0, 3, 0, 0, 0}), "index 1 is 3, must be above 3 and below 16");
  EXPECT_EQ(wrong(SparsePlaces::indices, {3, 0, 0, 0, 16, 0, 0, 0}), "index 1 is 16, must be above 3 and below 16");
  EXPECT_EQ(wrong(SparsePlaces::indices, {3, 0, 0, 0}), "1 indices for 2 values");
  to.resize(13);
  EXPECT_EQ(wrong(SparsePlaces::bitmap, {0x01, 0x80}), "bits behind the last weight are set");
}

TEST(SparseWeights, WithoutTheirPlacesAreRefused) {
  const Graph graph = graph_of();
  const Bytes file = file_of(graph, thinned(graph, 0.1));
  SafeFile contents = parse_safetensors(file, "test");
  contents.arrays.pop_back();  // the bitmap
  Bytes cut = safetensors_head(contents);
  for (const SafeArray& array : contents.arrays) cut.insert(cut.end(), array.bytes.begin(), array.bytes.end());
  const std::string error = error_of<UserError>([&] { parse_weights(cut, "test", graph); });
  EXPECT_NE(error.find("dense_1.weight: 'sparse bitmap [32, 64]' needs F32 values and a U8 bitmap"), std::string::npos)
      << error;
}

}  // namespace
}  // namespace cleave
