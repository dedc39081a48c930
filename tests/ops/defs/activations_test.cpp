// Edges of the simple ops that random inputs do not meet.
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "ops/core/catalog.h"
#include "tests/ops/defs/op_samples.h"

namespace cleave {
namespace {

std::vector<float> run_vector(const char* name, const std::vector<float>& values) {
  const OpSample sample{{}, {{DType::f32, {static_cast<std::int64_t>(values.size())}}}};
  Tensor input(1, sample.inputs.front().shape);
  input.data = values;
  return run_op(*find(op_catalog(), name), sample, {}, {input}).data;
}

TEST(Sign, ZeroIsPositive) { EXPECT_EQ(run_vector("sign", {0.0F, -0.0F, -1e-30F}), (std::vector<float>{1, 1, -1})); }

TEST(Sign, GivesBits) {
  EXPECT_EQ(infer_sample(*find(op_catalog(), "sign"), {{}, {{DType::f32, {3}}}}).dtype, DType::bit);
}

TEST(Relu, HidesNoNaN) {
  const std::vector<float> values = run_vector("relu", {-1, 2, std::numeric_limits<float>::quiet_NaN()});
  EXPECT_EQ(values[0], 0);
  EXPECT_EQ(values[1], 2);
  EXPECT_TRUE(std::isnan(values[2]));
}

TEST(Clip, MayHaveOneBoundAndHidesNoNaN) {
  OpSample sample{{}, {{DType::f32, {3}}}};
  sample.params.set("max", std::int64_t{6});
  Tensor input(1, {3});
  input.data = {-1e30F, 7, std::numeric_limits<float>::quiet_NaN()};
  const std::vector<float> values = run_op(*find(op_catalog(), "clip"), sample, {}, {input}).data;
  EXPECT_EQ(values[0], -1e30F);
  EXPECT_EQ(values[1], 6);
  EXPECT_TRUE(std::isnan(values[2]));
}

TEST(Softmax, LargeLogitsDoNotOverflow) {
  EXPECT_EQ(run_vector("softmax", {1e30F, 0, -1e30F}), (std::vector<float>{1, 0, 0}));
}

TEST(Sigmoid, LargeInputsSaturate) { EXPECT_EQ(run_vector("sigmoid", {-1e4F, 1e4F}), (std::vector<float>{0, 1})); }

TEST(Flatten, CountsChannelsThenRowsThenColumns) {
  Tensor image(1, {2, 1, 3});
  image.data = {0, 10, 1, 11, 2, 12};  // in memory pixel by pixel
  const OpSample sample{{}, {{DType::f32, {2, 1, 3}}}};
  EXPECT_EQ(run_op(*find(op_catalog(), "flatten"), sample, {}, {image}).data,
            (std::vector<float>{0, 1, 2, 10, 11, 12}));
}

TEST(BatchNorm, StartsAsTheIdentityButForEpsilon) {
  const OpDef& op = *find(op_catalog(), "batch_norm");
  const std::vector<WeightSlot> slots = op.weights({}, std::vector<TensorType>{{DType::f32, {3, 2, 2}}}, {});
  ASSERT_EQ(slots.size(), 4U);
  EXPECT_EQ(slots[0].role, Role::gain);
  EXPECT_EQ(slots[0].initial, 1);
  EXPECT_EQ(slots[3].initial, 1);
}

TEST(MovingOps, KeepBits) {
  const OpSample sample{{}, {{DType::bit, {4, 3, 2}}}};
  EXPECT_EQ(infer_sample(*find(op_catalog(), "flatten"), sample).dtype, DType::bit);
  EXPECT_EQ(infer_sample(*find(op_catalog(), "concat"), {{}, {sample.inputs[0], sample.inputs[0]}}).dtype, DType::bit);
}

TEST(Concat, OfBitsAndRealsIsReal) {
  const std::vector<TensorType> inputs{{DType::bit, {4}}, {DType::f32, {4}}};
  EXPECT_EQ(infer_sample(*find(op_catalog(), "concat"), {{}, inputs}).dtype, DType::f32);
}

}  // namespace
}  // namespace cleave
