// What every op promises, checked for every row of the catalog on all its samples (op_samples.cpp).
#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ops/core/catalog.h"
#include "tests/ops/defs/op_samples.h"
#include "tests/reference/reference_ops.h"

namespace cleave {
namespace {

class OpContract : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { ASSERT_FALSE(samples().empty()) << "add samples of this op to op_samples.cpp"; }
  const OpDef& op() const { return *find(op_catalog(), GetParam()); }
  std::vector<OpSample> samples() const { return op_samples(GetParam()); }
  std::string describe(const OpSample& sample) const { return to_text(GetParam(), sample); }
};

// The first pair of values further apart than 1e-4 of the larger one (or of 1), NaNs included; empty when none is.
std::string first_difference(const Tensor& got, const Tensor& wanted) {
  if (got.shape != wanted.shape || got.batch != wanted.batch)
    return fmt::format("shape {} instead of {}", to_text(got.shape), to_text(wanted.shape));
  for (std::size_t i = 0; i < got.data.size(); ++i) {
    const float scale = std::max(1.0F, std::abs(wanted.data[i]));
    if (!(std::abs(got.data[i] - wanted.data[i]) <= 1e-4F * scale))
      return fmt::format("value {} is {} instead of {}", i, got.data[i], wanted.data[i]);
  }
  return "";
}

Tensor run_reference(const OpDef& op, const OpSample& sample, const LayerWeights& weights,
                     const std::vector<Tensor>& inputs) {
  std::vector<NchwTensor> nchw;
  for (const Tensor& input : inputs) nchw.push_back(to_nchw(input.view()));
  return to_nhwc(reference_forward(op, sample.params, nchw, weights));
}

std::vector<WeightType> grids() {
  using Grid = WeightType::Grid;
  return {{Grid::sign, 1, false},    {Grid::sign, 1, true},    {Grid::bit, 1, false}, {Grid::bit, 1, true},
          {Grid::ternary, 2, false}, {Grid::ternary, 2, true}, {Grid::real, 32, true}};
}

// The same layer with real weights: each filter times its scale.
LayerWeights as_real(const LayerWeights& weights) {
  LayerWeights real = weights;
  real.type = {};
  if (!weights.type.scale_per_filter) return real;
  const std::vector<float>& scale = weights.arrays[1];
  std::vector<float>& kernel = real.arrays[0];
  for (std::size_t i = 0; i < kernel.size(); ++i) kernel[i] *= scale[i / (kernel.size() / scale.size())];
  real.arrays.erase(real.arrays.begin() + 1);
  return real;
}

// The samples, and the same on bits.
std::vector<OpSample> with_bits(std::vector<OpSample> samples) {
  const std::vector<OpSample> on_reals = samples;
  for (OpSample sample : on_reals) {
    for (TensorType& input : sample.inputs) input.dtype = DType::bit;
    samples.push_back(std::move(sample));
  }
  return samples;
}

// What an op says when it refuses the sample; "accepted" when it does not.
std::string refusal(const OpDef& op, const OpSample& sample) {
  try {
    infer_sample(op, sample);
  } catch (const OpError& error) {
    return error.what();
  }
  return "accepted";
}

TEST_P(OpContract, IsDescribed) {
  EXPECT_STRNE(op().doc, "");
  for (const FieldDef& field : op().fields) {
    EXPECT_STRNE(field.doc, "") << field.name;
    EXPECT_FALSE(field.required && field.fallback != nullptr) << field.name;
  }
}

TEST_P(OpContract, ForwardEqualsReference) {
  for (const OpSample& sample : samples())
    for (const std::int64_t batch : {1, 3}) {
      const std::vector<Tensor> inputs = random_inputs(sample, batch, 7);
      const LayerWeights weights = random_layer(op(), sample, {}, 8);
      const Tensor output = run_op(op(), sample, weights, inputs);
      ASSERT_EQ(first_difference(output, run_reference(op(), sample, weights, inputs)), "") << describe(sample);
    }
}

TEST_P(OpContract, AnImageDoesNotDependOnItsBatch) {
  for (const OpSample& sample : samples()) {
    std::vector<Tensor> inputs = random_inputs(sample, 3, 7);
    const LayerWeights weights = random_layer(op(), sample, {}, 8);
    Tensor all = run_op(op(), sample, weights, inputs);
    for (Tensor& input : inputs) input.data.resize(input.data.size() / 3), input.batch = 1;
    all.data.resize(all.data.size() / 3);
    all.batch = 1;
    ASSERT_EQ(first_difference(run_op(op(), sample, weights, inputs), all), "") << describe(sample);
  }
}

TEST_P(OpContract, BitsAreSigns) {
  for (OpSample sample : samples()) {
    for (TensorType& input : sample.inputs) input.dtype = DType::bit;
    if (infer_sample(op(), sample).dtype != DType::bit) continue;
    const Tensor output = run_op(op(), sample, {}, random_inputs(sample, 2, 3));
    for (const float value : output.data) ASSERT_EQ(std::abs(value), 1.0F) << describe(sample);
  }
}

TEST_P(OpContract, CostIsPositiveAndGrowsWithTheBatch) {
  for (const OpSample& sample : samples()) {
    const TensorType output = infer_sample(op(), sample);
    Cost last;
    for (const std::int64_t batch : {1, 2, 3, 64}) {
      const Cost cost = op().cost(sample.params, sample.inputs, output, {}, batch);
      ASSERT_GT(cost.bytes, last.bytes) << describe(sample);
      ASSERT_GE(cost.mult_adds, last.mult_adds) << describe(sample);
      ASSERT_EQ(cost.binary_ops, 0) << describe(sample);
      last = cost;
    }
  }
}

TEST_P(OpContract, WeightsOfOneLayerAgreeOnItsFilters) {
  ASSERT_EQ(op().weights == nullptr, op().pack == nullptr);
  for (const OpSample& sample : samples())
    for (const WeightType& type : op().weights == nullptr ? std::vector<WeightType>{} : grids())
      for (const WeightSlot& slot : op().weights(sample.params, sample.inputs, type))
        ASSERT_EQ(slot.shape.front(), channels_of(infer_sample(op(), sample).shape)) << describe(sample);
}

TEST_P(OpContract, BinaryWeightsEqualRealOnesOfTheSameValues) {
  for (const OpSample& sample : with_bits(samples()))
    for (const WeightType& type : grids()) {
      if (op().weights == nullptr || op().weights(sample.params, sample.inputs, type)[0].role != Role::kernel) break;
      const std::vector<Tensor> inputs = random_inputs(sample, 2, 5);
      const LayerWeights weights = random_layer(op(), sample, type, 6);
      const Tensor output = run_op(op(), sample, weights, inputs);
      const Tensor real = run_op(op(), sample, as_real(weights), inputs);
      ASSERT_EQ(first_difference(output, real), "") << describe(sample) << " " << to_text(type);
      ASSERT_EQ(first_difference(output, run_reference(op(), sample, weights, inputs)), "") << describe(sample);
    }
}

// The indices of a tensor along an axis.
Tensor cut(const Tensor& all, PartAxis axis, Range range) {
  Shape shape = all.shape;
  shape[static_cast<std::size_t>(axis)] = range.size();
  Tensor part(all.batch, shape);
  const std::int64_t channels = channels_of(all.shape);
  const std::int64_t columns = is_image(all.shape) ? all.shape[2] : 1;
  std::size_t next = 0;
  for (std::size_t i = 0; i < all.data.size(); ++i) {
    const auto place = static_cast<std::int64_t>(i);
    const std::int64_t row = place / (channels * columns) % size_along(all.shape, PartAxis::rows);
    const std::int64_t at = axis == PartAxis::channels ? place % channels : row;
    if (at >= range.from && at < range.to) part.data.at(next++) = all.data[i];
  }
  return part;
}

// What is wrong with the part `wanted` of the output; empty when nothing is or the op refuses.
std::string part_fault(const OpDef& op, const OpSample& sample, PartAxis axis, Range wanted) {
  OpPart part;
  try {
    part = op.part(sample.params, sample.inputs, axis, wanted);
  } catch (const OpError&) {
    return "";
  }
  if (part.computed.from > wanted.from || part.computed.to < wanted.to) return "less than was wanted";
  const std::vector<Tensor> inputs = random_inputs(sample, 2, 7);
  LayerWeights weights = random_layer(op, sample, {}, 8);
  const Tensor all = run_op(op, sample, weights, inputs);
  OpSample small{part.params, {}};
  std::vector<Tensor> parts;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (part.inputs.at(i).empty()) continue;
    parts.push_back(cut(inputs[i], axis, part.inputs[i]));
    small.inputs.push_back({sample.inputs[i].dtype, parts.back().shape});
  }
  for (std::vector<float>& array : weights.arrays) {
    const auto filter = static_cast<std::ptrdiff_t>(array.size()) / channels_of(all.shape);
    if (axis == PartAxis::channels)
      array =
          std::vector<float>(array.begin() + part.computed.from * filter, array.begin() + part.computed.to * filter);
  }
  return run_op(op, small, weights, parts).data == cut(all, axis, part.computed).data ? "" : "other bits";
}

// Some ranges along an axis of `size`, not the whole of it.
std::vector<Range> some_ranges(std::int64_t size) {
  std::vector<Range> ranges;
  for (std::int64_t from = 0; from < size; from += 1 + size / 4)
    for (const std::int64_t to : {from + 1, from + size / 3, from == 0 ? size - 1 : size})
      if (from < to && to <= size && to - from < size) ranges.push_back({from, to});
  return ranges;
}

TEST_P(OpContract, PartsOfTheOutputHaveTheSameBits) {
  for (const OpSample& sample : op().part == nullptr ? std::vector<OpSample>{} : samples())
    for (const PartAxis axis : {PartAxis::channels, PartAxis::rows})
      for (const Range& wanted : some_ranges(size_along(infer_sample(op(), sample).shape, axis)))
        ASSERT_EQ(part_fault(op(), sample, axis, wanted), "")
            << describe(sample) << " from " << wanted.from << " to " << wanted.to;
}

TEST_P(OpContract, RefusesAWrongNumberOfInputs) {
  OpSample sample = samples().front();
  const TensorType input = sample.inputs.front();
  sample.inputs.assign(static_cast<std::size_t>(op().min_inputs - 1), input);
  EXPECT_EQ(refusal(op(), sample).substr(0, 6), "needs ") << describe(sample);
  if (op().max_inputs < 0) return;
  sample.inputs.assign(static_cast<std::size_t>(op().max_inputs + 1), input);
  EXPECT_EQ(refusal(op(), sample).substr(0, 6), "needs ") << describe(sample);
}

TEST_P(OpContract, RefusesShapesThatAreNeitherVectorNorImage) {
  const std::vector<Shape> wrong{
      {}, {3, 4}, {1, 2, 3, 4}, {0}, {-1}, {3, 0, 3}, {std::int64_t{1} << 40, 1 << 20, 1 << 20}};
  for (const Shape& shape : wrong) {
    OpSample sample = samples().front();
    for (TensorType& input : sample.inputs) input.shape = shape;
    EXPECT_EQ(refusal(op(), sample), fmt::format("needs a vector [N] or an image [C, H, W], got '{}'", to_text(shape)));
  }
}

TEST_P(OpContract, RefusesParametersOutsideTheirRange) {
  for (const FieldDef& field : op().fields) {
    OpSample sample = samples().front();
    if ((field.kind != Kind::integer && field.kind != Kind::real) || !std::isfinite(field.min)) continue;
    sample.params.set(field.name, static_cast<std::int64_t>(field.min) - 1);
    EXPECT_EQ(refusal(op(), sample).substr(0, 14), std::string(field.name).append(" must lie in ").substr(0, 14));
    sample.params.set(field.name, std::string("banana"));
    EXPECT_EQ(refusal(op(), sample), fmt::format("{} cannot be banana", field.name));
  }
}

TEST_P(OpContract, SaysWhatDoesNotFit) {
  for (const BadSample& bad : bad_samples(GetParam()))
    EXPECT_EQ(refusal(op(), {bad.params, bad.inputs}), bad.message) << describe({bad.params, bad.inputs});
}

INSTANTIATE_TEST_SUITE_P(Every, OpContract, testing::ValuesIn(names_of(op_catalog())),
                         [](const auto& row) { return row.param; });

TEST(OpCatalog, NamesAreUnique) {
  const std::vector<std::string> names = names_of(op_catalog());
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

TEST(OpCatalog, ElementwiseOpsMayRunInPlace) {
  for (const OpDef& op : op_catalog())
    for (const OpSample& sample : op.elementwise ? op_samples(op.name) : std::vector<OpSample>{}) {
      std::vector<Tensor> inputs = random_inputs(sample, 2, 4);
      const Tensor apart = run_op(op, sample, {}, inputs);
      const ConstTensorView view = std::as_const(inputs[0]).view();
      op.forward({sample.params, {&view, 1}, nullptr, inputs[0].view()});
      ASSERT_EQ(first_difference(inputs[0], apart), "") << to_text(op.name, sample);
    }
}

}  // namespace
}  // namespace cleave
