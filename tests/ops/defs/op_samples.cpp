#include "tests/ops/defs/op_samples.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "ops/core/rng.h"

namespace cleave {

namespace {

using Value = ParamValue;
using Samples = std::vector<OpSample>;

Params make(std::vector<std::pair<std::string, ParamValue>> values) {
  Params params;
  for (auto& [name, value] : values) params.set(name, std::move(value));
  return params;
}

Value number(std::int64_t value) { return value; }
TensorType f32(Shape shape) { return {DType::f32, std::move(shape)}; }

// Odd and even sizes, channels that do not fill vectors.
std::vector<Shape> images() {
  return {{1, 1, 1}, {3, 2, 5}, {5, 7, 3}, {6, 8, 8}, {13, 5, 12}, {20, 13, 7}, {2, 24, 24}, {8, 1, 3}};
}
std::vector<std::int64_t> sizes() { return {1, 2, 3, 5, 7, 8, 12, 13, 24}; }

Samples with(const Params& params) {
  Samples samples;
  for (const Shape& shape : images()) samples.push_back({params, {f32(shape)}});
  for (const std::int64_t size : sizes()) samples.push_back({params, {f32({size})}});
  return samples;
}
Samples plain() { return with({}); }

Samples clip() {
  Samples samples = with(make({{"min", Value{-0.5}}, {"max", Value{0.25}}}));
  for (const char* bound : {"min", "max"})
    for (OpSample& sample : with(make({{bound, number(0)}}))) samples.push_back(std::move(sample));
  return samples;
}

Samples dense() {
  Samples samples;
  for (const std::int64_t in : sizes())
    for (const std::int64_t units : {1, 3, 8, 13})
      for (const bool bias : {true, false})
        samples.push_back({make({{"units", number(units)}, {"bias", bias}}), {f32({in})}});
  return samples;
}

bool fits(const Shape& image, std::int64_t kernel, const Value& padding) {
  const auto* cells = std::get_if<std::int64_t>(&padding);
  const bool same = cells == nullptr && std::get<std::string>(padding) == "same";
  return same || std::min(image[1], image[2]) + 2 * (cells == nullptr ? 0 : *cells) >= kernel;
}

Samples conv2d() {
  Samples samples;
  std::int64_t filters = 1;  // runs through 1 .. 19 times the groups
  for (const Shape& image : images())
    for (const std::int64_t kernel : {1, 2, 3, 5})
      for (const std::int64_t stride : {1, 2, 3})
        for (const Value& padding : {number(0), number(1), number(3), Value{"same"}, Value{"valid"}}) {
          if (!fits(image, kernel, padding)) continue;
          filters = filters % 19 + 1;
          for (const std::int64_t groups : {std::int64_t{1}, std::int64_t{2}, image[0]}) {
            if (image[0] % groups != 0 || (groups == 1 && image[0] == 1 && kernel == 5)) continue;
            Params params = make({{"filters", number(filters * groups)}, {"kernel", number(kernel)}});
            params.set("stride", stride);
            params.set("padding", padding);
            params.set("groups", groups);
            params.set("bias", filters % 2 == 0);
            samples.push_back({params, {f32(image)}});
          }
        }
  samples.push_back({make({{"filters", number(3)}, {"kernel", number(3)}}), {f32({3, 8, 8})}});  // the defaults
  for (const Value& padding : {number(0), number(2), Value{"same"}})
    for (const Shape& rows : {Shape{0, 0}, Shape{2, 0}, Shape{0, 5}}) {
      Params params = make({{"filters", number(5)}, {"kernel", number(3)}, {"stride", number(2)}});
      params.set("padding", padding);
      params.set("padding_rows", rows);
      samples.push_back({params, {f32({3, 7, 6})}});
    }
  return samples;
}

Samples pools() {
  Samples samples;
  for (const Shape& image : images()) {
    samples.push_back({make({{"size", Value{"all"}}}), {f32(image)}});
    for (const std::int64_t size : {1, 2, 3})
      for (const std::int64_t padding : {0, 1, 2}) {
        if (padding >= size || std::min(image[1], image[2]) + 2 * padding < size) continue;
        samples.push_back({make({{"size", number(size)}, {"padding", number(padding)}}), {f32(image)}});
        for (const std::int64_t stride : {1, 2, 4})
          samples.push_back(
              {make({{"size", number(size)}, {"stride", number(stride)}, {"padding", number(padding)}}), {f32(image)}});
      }
    for (const Shape& rows : {Shape{0, 2}, Shape{1, 0}, Shape{2, 2}})
      samples.push_back(
          {make({{"size", number(3)}, {"stride", number(2)}, {"padding", number(2)}, {"padding_rows", rows}}),
           {f32({image[0], image[1] + 2, image[2]})}});
    for (const Shape& columns : {Shape{0, 2}, Shape{1, 0}})
      samples.push_back({make({{"size", number(3)}, {"stride", number(2)}, {"padding_columns", columns}}),
                         {f32({image[0], image[1] + 2, image[2] + 2})}});
  }
  return samples;
}

Samples reshape() {
  Samples samples;
  const std::vector<std::pair<Shape, Shape>> pairs{{{12}, {3, 2, 2}},        {{3, 2, 2}, {12}},
                                                   {{3, 4, 5}, {5, 4, 3}},   {{1, 1, 7}, {7, 1, 1}},
                                                   {{2, 8, 13}, {13, 8, 2}}, {{5}, {5}}};
  for (const auto& [from, to] : pairs) samples.push_back({make({{"shape", Value{to}}}), {f32(from)}});
  return samples;
}

Samples add() {
  Samples samples = plain();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    std::vector<TensorType>& inputs = samples[i].inputs;
    inputs.resize(2 + i % 3, inputs.front());
  }
  return samples;
}

Samples concat() {
  Samples samples{{{}, {f32({5})}}, {{}, {f32({5}), f32({1}), f32({8})}}};
  for (const Shape& image : images())
    for (const std::size_t axis : {0U, 1U, 2U}) {
      Shape other = image;
      other[axis] += 3;
      const Params params = make({{"axis", number(static_cast<std::int64_t>(axis))}});
      samples.push_back({params, {f32(image), f32(other)}});
      samples.push_back({params, {f32(other), f32(image), f32(image)}});
    }
  return samples;
}

Samples slice() {
  Samples samples{{make({{"to", number(3)}}), {f32({5})}},
                  {make({{"from", number(4)}, {"to", number(5)}}), {f32({5})}}};
  for (const Shape& image : images())
    for (const std::size_t axis : {0U, 1U, 2U})
      samples.push_back({make({{"axis", number(static_cast<std::int64_t>(axis))},
                               {"from", number(image[axis] / 3)},
                               {"to", number(image[axis])}}),
                         {f32(image)}});
  return samples;
}

Samples pad() {
  Samples samples;
  for (const Shape& image : images())
    for (const std::int64_t size : {0, 1, 4}) {
      samples.push_back({make({{"size", number(size)}}), {f32(image)}});
      samples.push_back({make({{"size", number(size)}, {"rows", Shape{0, 3}}}), {f32(image)}});
    }
  return samples;
}

Samples batch_norm() {
  Samples samples = with(make({{"epsilon", Value{0.01}}, {"momentum", Value{0.2}}}));
  samples.push_back({{}, {f32({3, 2, 2})}});
  return samples;
}

std::vector<BadSample> bad_conv2d() {
  const Params plain = make({{"filters", number(6)}, {"kernel", number(3)}});
  Params grouped = plain;
  grouped.set("groups", number(4));
  Params still = plain;
  still.set("stride", number(0));
  Params worded = plain;
  worded.set("padding", Value{"full"});
  Params one_row = plain;
  one_row.set("padding_rows", Shape{1});
  Params tall = plain;
  tall.set("padding_rows", Shape{0, 1});
  return {{plain, {f32({12})}, "needs an image, got a vector of 12: put a reshape before it"},
          {one_row, {f32({8, 5, 5})}, "padding_rows needs two numbers from 0 to 255, above and below, got [1]"},
          {tall,
           {f32({8, 1, 5})},
           "a kernel of 3 is larger than its input of 1 + 0 + 1 padding: make it smaller or pad more"},
          {grouped,
           {f32({8, 5, 5})},
           "groups must divide channels and filters, got 4 groups, 8 channels and 6 filters: try 2"},
          {plain, {f32({8, 2, 5})}, "a kernel of 3 is larger than its input of 2: make it smaller or pad more"},
          {still, {f32({8, 5, 5})}, "stride must lie in 1 .. 255, got 0"},
          {worded, {f32({8, 5, 5})}, "padding cannot be full"},
          {make({{"kernel", number(3)}}), {f32({8, 5, 5})}, "filters is missing"}};
}

std::vector<BadSample> bad_pools() {
  return {{make({{"size", number(2)}}), {f32({12})}, "needs an image, got a vector of 12: put a reshape before it"},
          {make({{"size", number(2)}, {"padding", number(2)}}),
           {f32({1, 4, 4})},
           "padding must be less than the size 2, got 2"},
          {make({{"size", number(2)}, {"padding_rows", Shape{0, 2}}}),
           {f32({1, 4, 4})},
           "padding_rows needs two numbers from 0 to 1, above and below, got [0, 2]"},
          {make({{"size", number(2)}, {"padding_columns", Shape{1}}}),
           {f32({1, 4, 4})},
           "padding_columns needs two numbers from 0 to 1, left and right, got [1]"},
          {make({{"size", Value{"all"}}, {"stride", number(2)}}),
           {f32({1, 4, 4})},
           "takes neither stride nor padding with size: all"},
          {make({{"size", number(5)}, {"padding", number(0)}}),
           {f32({1, 4, 9})},
           "a window of 5 is larger than its input of 4: make it smaller or pad more"}};
}

std::vector<BadSample> bad_dense() {
  return {{make({{"units", number(3)}}), {f32({32, 8, 8})}, "needs a vector, got 32x8x8: put a flatten before it"},
          {make({{"units", number(0)}}), {f32({3})}, "units must lie in 1 .. 1000000, got 0"},
          {make({{"units", Value{2.5}}}), {f32({3})}, "units cannot be 2.5"},
          {make({{"units", number(1000000)}}),
           {f32({1000000})},
           "needs 1000000x1000000 weights, more than the 4294967296 a layer may have"}};
}

std::vector<BadSample> bad_moves(std::string_view op) {
  if (op == "concat")
    return {{make({{"axis", number(1)}}), {f32({5}), f32({5})}, "axis 1 needs images, got a vector of 5"},
            {{}, {f32({2, 3, 3}), f32({2, 3, 4})}, "needs inputs that differ in size 0 only, got 2x3x3 and 2x3x4"}};
  if (op == "slice")
    return {{make({{"from", number(2)}, {"to", number(2)}}),
             {f32({5})},
             "needs 0 <= from < to <= 5 along axis 0 of 5, got from 2 to 2"},
            {make({{"axis", number(2)}, {"to", number(2)}}), {f32({5})}, "axis 2 needs an image, got a vector of 5"}};
  if (op == "reshape")
    return {{make({{"shape", Value{Shape{2, 2, 2}}}}), {f32({9})}, "cannot make 2x2x2 (8 values) of 9 (9 values)"},
            {make({{"shape", Value{Shape{3, 3}}}}), {f32({9})}, "shape must have 1 or 3 sizes, got 2"}};
  return {{make({{"size", number(10000)}}),
           {f32({1, 9, 9})},
           "gives 1x20009x20009, more than the 268435456 values a sample may have"}};
}

float weight_value(const WeightType& type, Rng& rng) {
  switch (type.grid) {
    case WeightType::Grid::sign: return rng.below(2) == 0 ? -1.0F : 1.0F;
    case WeightType::Grid::bit: return static_cast<float>(rng.below(2));
    case WeightType::Grid::ternary: return static_cast<float>(rng.below(3) - 1);
    default: return static_cast<float>(rng.normal());
  }
}

}  // namespace

std::vector<OpSample> op_samples(std::string_view op) {
  const std::map<std::string_view, Samples (*)()> makers{
      {"dense", dense},           {"conv2d", conv2d},  {"relu", plain},      {"sign", plain},      {"tanh", plain},
      {"sigmoid", plain},         {"clip", clip},      {"softmax", plain},   {"flatten", plain},   {"dropout", plain},
      {"batch_norm", batch_norm}, {"max_pool", pools}, {"mean_pool", pools}, {"reshape", reshape}, {"add", add},
      {"concat", concat},         {"slice", slice},    {"pad", pad}};
  return makers.contains(op) ? makers.at(op)() : Samples{};
}

std::vector<BadSample> bad_samples(std::string_view op) {
  if (op == "conv2d") return bad_conv2d();
  if (op == "dense") return bad_dense();
  if (op == "max_pool" || op == "mean_pool") return bad_pools();
  if (op == "add") return {{{}, {f32({3}), f32({1, 1, 3})}, "needs inputs of one shape, got 3 and 1x1x3"}};
  if (op == "concat" || op == "slice" || op == "reshape" || op == "pad") return bad_moves(op);
  if (op == "clip")
    return {{{}, {f32({3})}, "needs a min, a max or both"},
            {make({{"min", number(6)}, {"max", number(0)}}), {f32({3})}, "min must not be above max, got 6 and 0"}};
  if (op == "dropout")
    return {{make({{"probability", number(1)}}), {f32({3})}, "probability must lie in 0 .. 0.999999, got 1"}};
  return {};
}

std::string to_text(std::string_view op, const OpSample& sample) {
  std::string text = fmt::format("{} {{{}}} of", op, to_text(sample.params));
  for (const TensorType& input : sample.inputs) text += " " + to_text(input);
  return text;
}

TensorType infer_sample(const OpDef& op, const OpSample& sample) { return op.infer(sample.params, sample.inputs); }

std::vector<Tensor> random_inputs(const OpSample& sample, std::int64_t batch, std::uint64_t seed) {
  std::vector<Tensor> tensors;
  for (const TensorType& type : sample.inputs) {
    Rng rng(seed, kTestStream, tensors.size());
    Tensor& tensor = tensors.emplace_back(batch, type.shape);
    for (float& value : tensor.data) {
      value = static_cast<float>(rng.normal());
      if (type.dtype == DType::bit) value = value < 0 ? -1.0F : 1.0F;
    }
  }
  return tensors;
}

LayerWeights random_layer(const OpDef& op, const OpSample& sample, const WeightType& type, std::uint64_t seed) {
  LayerWeights weights{type, {}};
  if (op.weights == nullptr) return weights;
  Rng rng(seed, kTestStream, 1000);
  for (const WeightSlot& slot : op.weights(sample.params, sample.inputs, type)) {
    std::vector<float>& array = weights.arrays.emplace_back(static_cast<std::size_t>(element_count(slot.shape)));
    for (float& value : array)
      value = slot.role == Role::kernel      ? weight_value(type, rng)
              : slot.role == Role::statistic ? static_cast<float>(0.5 + rng.uniform())
                                             : static_cast<float>(rng.normal());
  }
  return weights;
}

Tensor run_op(const OpDef& op, const OpSample& sample, const LayerWeights& weights, const std::vector<Tensor>& inputs) {
  Tensor output(inputs.front().batch, infer_sample(op, sample).shape);
  std::fill(output.data.begin(), output.data.end(), std::numeric_limits<float>::quiet_NaN());
  PackedWeights packed;
  if (op.pack != nullptr) packed = op.pack(sample.params, sample.inputs, weights);
  std::vector<ConstTensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  op.forward({sample.params, views, op.pack == nullptr ? nullptr : &packed, output.view()});
  return output;
}

}  // namespace cleave
