// What the contract test does not say about convolutions: their cost, and published sizes.
#include <gtest/gtest.h>

#include "ops/core/catalog.h"
#include "tests/ops/defs/op_samples.h"

namespace cleave {
namespace {

const OpDef& conv2d() { return *find(op_catalog(), "conv2d"); }

OpSample convolution(std::int64_t filters, std::int64_t kernel, std::int64_t stride, Shape image,
                     DType dtype = DType::f32) {
  OpSample sample{{}, {{dtype, std::move(image)}}};
  sample.params.set("filters", filters);
  sample.params.set("kernel", kernel);
  sample.params.set("stride", stride);
  sample.params.set("padding", std::string("same"));
  sample.params.set("bias", false);
  return sample;
}

Cost cost_of(const OpSample& sample, const WeightType& type = {}, std::int64_t batch = 1) {
  return conv2d().cost(sample.params, sample.inputs, infer_sample(conv2d(), sample), type, batch);
}

std::int64_t products(std::int64_t filters, std::int64_t kernel, std::int64_t stride, const Shape& image) {
  return cost_of(convolution(filters, kernel, stride, image)).mult_adds;
}

// He et al. 2016, section 4.2, n = 3, with 1x1 convolutions as shortcuts where the size changes; 640 = the classifier.
TEST(Conv2dCost, AddsUpToResNet20) {
  std::int64_t sum = 640 + products(16, 3, 1, {3, 32, 32}) + 6 * products(16, 3, 1, {16, 32, 32});
  sum += products(32, 3, 2, {16, 32, 32}) + products(32, 1, 2, {16, 32, 32}) + 5 * products(32, 3, 1, {32, 16, 16});
  sum += products(64, 3, 2, {32, 16, 16}) + products(64, 1, 2, {32, 16, 16}) + 5 * products(64, 3, 1, {64, 8, 8});
  EXPECT_EQ(sum, 40813184);
}

TEST(Conv2dCost, BinaryWeightsOnBitsAreBinaryOps) {
  const WeightType binary{WeightType::Grid::sign, 1, false};
  const Cost on_bits = cost_of(convolution(8, 3, 1, {16, 4, 4}, DType::bit), binary);
  EXPECT_EQ(on_bits.mult_adds, 0);
  EXPECT_EQ(on_bits.binary_ops, 8 * 16 * 9 * 16);
  EXPECT_EQ(on_bits.bytes, 16 * 4 * 4 / 8 + 8 * 4 * 4 * 4 + 8 * 16 * 9 / 8);
}

TEST(Conv2dCost, BinaryWeightsOnRealsAreMultiplyAdds) {
  const WeightType binary{WeightType::Grid::sign, 1, false};
  const Cost cost = cost_of(convolution(8, 3, 1, {16, 4, 4}), binary, 2);
  EXPECT_EQ(cost.mult_adds, 2 * 8 * 16 * 9 * 16);
  EXPECT_EQ(cost.binary_ops, 0);
}

// TensorFlow's rule: one output for every started stride; the odd zero goes to the bottom and the right.
TEST(Conv2dSame, PutsTheOddZeroAtTheEnd) {
  const OpSample sample = convolution(1, 2, 1, {1, 1, 3});
  const LayerWeights weights{{}, {{1, 10, 100, 1000}}};
  Tensor image(1, {1, 1, 3});
  image.data = {1, 2, 3};
  EXPECT_EQ(run_op(conv2d(), sample, weights, {image}).data, (std::vector<float>{21, 32, 3}));
}

TEST(Conv2dForward, SplitByFiltersGivesTheSameBits) {
  const OpSample whole = convolution(7, 3, 1, {5, 6, 6});
  OpSample part = whole;
  part.params.set("filters", std::int64_t{3});
  const LayerWeights weights = random_layer(conv2d(), whole, {}, 2);
  LayerWeights first = weights;
  first.arrays[0].resize(3 * 5 * 9);
  const std::vector<Tensor> inputs = random_inputs(whole, 1, 3);
  const Tensor all = run_op(conv2d(), whole, weights, inputs);
  const Tensor some = run_op(conv2d(), part, first, inputs);
  for (std::size_t i = 0; i < some.data.size(); ++i) ASSERT_EQ(some.data[i], all.data[i / 3 * 7 + i % 3]);
}

}  // namespace
}  // namespace cleave
