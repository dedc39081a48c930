#include "ops/defs/block_sparse.h"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "ops/core/catalog.h"
#include "ops/core/rng.h"
#include "ops/kernels/sparse_kernels.h"

namespace cleave {
namespace {

struct Layer {
  Params params;
  std::vector<TensorType> types;
  LayerWeights weights;
};

// A dense layer in which each block of 16 inputs of a unit is zero with probability `share`.
Layer layer_of(std::int64_t units, std::int64_t inputs, double share, std::uint64_t seed) {
  Layer layer{{}, {{DType::f32, {inputs}}}, {{}, {}}};
  layer.params.set("units", units);
  Rng rng(seed, kTestStream, 0);
  std::vector<float> kernel(static_cast<std::size_t>(units * inputs)), bias(static_cast<std::size_t>(units));
  for (float& b : bias) b = static_cast<float>(rng.normal());
  for (std::int64_t u = 0; u < units; ++u)
    for (std::int64_t first = 0; first < inputs; first += kSparseBlock) {
      const bool zero = rng.uniform() < share;
      for (std::int64_t i = first; i < std::min(inputs, first + kSparseBlock); ++i)
        kernel[static_cast<std::size_t>(u * inputs + i)] = zero ? 0.0F : static_cast<float>(rng.normal());
    }
  layer.weights.arrays = {kernel, bias};
  return layer;
}

Tensor input_of(std::int64_t batch, std::int64_t inputs) {
  Tensor input(batch, {inputs});
  Rng rng(9, kTestStream, 0);
  for (float& x : input.data) x = static_cast<float>(rng.normal());
  return input;
}

std::vector<float> forward_of(const Layer& layer, const Tensor& input) {
  const OpDef& dense = *find(op_catalog(), "dense");
  const PackedWeights packed = dense.pack(layer.params, layer.types, layer.weights);
  Tensor output(input.batch, {layer.params.integer("units")});
  const std::vector<ConstTensorView> views = {input.view()};
  dense.forward({layer.params, views, &packed, output.view()});
  return output.data;
}

// Sums in double, in the order of the inputs.
std::vector<float> reference_of(const Layer& layer, const Tensor& input) {
  const std::int64_t units = layer.params.integer("units");
  const std::int64_t inputs = input.view().sample_size();
  std::vector<float> output;
  for (std::int64_t s = 0; s < input.batch; ++s)
    for (std::int64_t u = 0; u < units; ++u) {
      double sum = layer.weights.arrays[1][static_cast<std::size_t>(u)];
      for (std::int64_t i = 0; i < inputs; ++i)
        sum += static_cast<double>(layer.weights.arrays[0][static_cast<std::size_t>(u * inputs + i)]) *
               input.view().sample(s)[i];
      output.push_back(static_cast<float>(sum));
    }
  return output;
}

TEST(BlockSparse, EqualsDenseOnRandomShapes) {
  Rng rng(4, kTestStream, 0);
  for (int round = 0; round < 60; ++round) {
    const std::int64_t units = 1 + rng.below(20);
    const std::int64_t inputs = 1 + rng.below(100);
    const Layer layer = layer_of(units, inputs, rng.uniform(), static_cast<std::uint64_t>(round));
    const Tensor input = input_of(1 + rng.below(9), inputs);
    const std::vector<float> got = forward_of(layer, input);
    const std::vector<float> wanted = reference_of(layer, input);
    for (std::size_t i = 0; i < wanted.size(); ++i)
      ASSERT_NEAR(got[i], wanted[i], 1e-4 * (1 + std::abs(wanted[i]))) << units << "x" << inputs << " round " << round;
  }
}

TEST(BlockSparse, TakesTheRowsThatPayAndNoOthers) {
  const OpDef& dense = *find(op_catalog(), "dense");
  const Layer full = layer_of(8, 64, 0, 1);
  EXPECT_FALSE(has_sparse_rows(dense.pack(full.params, full.types, full.weights)));
  const Layer empty = layer_of(8, 64, 1, 1);
  EXPECT_EQ(dense_rows(dense.pack(empty.params, empty.types, empty.weights)), 0);
  Layer one = layer_of(8, 64, 0, 1);
  std::fill_n(one.weights.arrays[0].begin() + 64, 64, 0.0F);
  EXPECT_EQ(dense_rows(dense.pack(one.params, one.types, one.weights)), 7);
}

// Units first, first + 1 and first + 2 of a layer of 80 inputs.
Layer three_of(const Layer& whole, std::int64_t first) {
  Layer part = layer_of(3, 80, 0, 1);
  const auto from = whole.weights.arrays[0].begin() + first * 80;
  part.weights.arrays[0].assign(from, from + 240);
  const auto bias = whole.weights.arrays[1].begin() + first;
  part.weights.arrays[1].assign(bias, bias + 3);
  return part;
}

TEST(BlockSparse, AUnitHasTheSameBitsWhicheverOthersThereAre) {
  const Layer whole = layer_of(12, 80, 0.6, 3);
  const Tensor input = input_of(5, 80);
  const std::vector<float> all = forward_of(whole, input);
  for (std::int64_t first = 0; first < 12; first += 3) {
    const std::vector<float> some = forward_of(three_of(whole, first), input);
    for (std::int64_t s = 0; s < 5; ++s)
      EXPECT_EQ(std::memcmp(&some[static_cast<std::size_t>(3 * s)], &all[static_cast<std::size_t>(12 * s + first)],
                            3 * sizeof(float)),
                0);
  }
}

TEST(BlockSparse, ASampleHasTheSameBitsInEveryBatch) {
  const Layer layer = layer_of(6, 48, 0.7, 5);
  const Tensor input = input_of(7, 48);
  const std::vector<float> all = forward_of(layer, input);
  for (std::int64_t s = 0; s < 7; ++s) {
    Tensor one(1, {48});
    std::copy_n(input.view().sample(s), 48, one.data.begin());
    const std::vector<float> alone = forward_of(layer, one);
    EXPECT_EQ(std::memcmp(alone.data(), &all[static_cast<std::size_t>(6 * s)], 6 * sizeof(float)), 0);
  }
}

}  // namespace
}  // namespace cleave
