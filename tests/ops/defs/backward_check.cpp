#include "tests/ops/defs/backward_check.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "ops/core/rng.h"
#include "tests/reference/reference_ops.h"

namespace cleave {

namespace {

constexpr std::int64_t kImages = 2;
constexpr std::int64_t kLanes = kLaneMultiple;  // most of them stand for no image
constexpr double kStep = 1e-3;                  // weights are floats, so a step must be one, too
constexpr int kDraws = 2;

struct Block {
  Block(const Shape& shape, float fill)
      : view{channels_of(shape), pixels_of(shape), kLanes, nullptr}, data(static_cast<std::size_t>(view.size()), fill) {
    view.data = data.data();
  }
  explicit Block(const Tensor& tensor) : Block(tensor.shape, 0) { to_block(tensor.view(), 0, view); }
  Block(Block&&) = default;
  ConstBlockView values() const { return {view.channels, view.pixels, view.lanes, view.data}; }

  BlockView view;
  std::vector<float> data;
};

// An op on a few images, and the weighted sum of its output whose slopes are wanted.
struct Case {
  const OpDef& op;
  const OpSample& sample;
  std::vector<NchwTensor> inputs;
  LayerWeights weights;
  NchwTensor factors;  // of the output's values

  double sum() const {
    const NchwTensor output = reference_forward(op, sample.params, inputs, weights);
    double total = 0;
    for (std::size_t i = 0; i < output.data.size(); ++i) total += output.data[i] * factors.data[i];
    return total;
  }
  // By central differences; NaN at a kink, where the slopes of both sides differ.
  template <class Value>
  double slope(Value& value) const {
    const Value middle = value;
    const double here = sum();
    value = static_cast<Value>(middle + static_cast<Value>(kStep));
    const double up = static_cast<double>(value - middle), above = sum();
    value = static_cast<Value>(middle - static_cast<Value>(kStep));
    const double down = static_cast<double>(middle - value), below = sum();
    value = middle;
    const double right = (above - here) / up, left = (here - below) / down;
    return std::abs(right - left) > 0.05 * (1 + std::abs(right)) ? std::nan("") : (above - below) / (up + down);
  }
};

// What `backward` gives, laid out as the twin has its values.
struct Gradients {
  std::vector<NchwTensor> inputs;
  std::vector<std::vector<float>> weights;
};

Gradients gradients_of(const Case& wanted, const std::vector<Tensor>& inputs) {
  const Tensor output = run_op(wanted.op, wanted.sample, wanted.weights, inputs);
  const Block result(output), factors(to_nhwc(wanted.factors));
  std::vector<Block> values, gradients;
  std::vector<ConstBlockView> views;
  Gradients found;
  for (const Tensor& input : inputs) {
    values.emplace_back(input);
    views.push_back(values.back().values());
    gradients.emplace_back(input.shape, 0.5F);  // is added to
  }
  std::vector<float*> input_gradients, weight_gradients;
  for (Block& gradient : gradients) input_gradients.push_back(gradient.data.data());
  for (const std::vector<float>& array : wanted.weights.arrays) found.weights.emplace_back(array.size(), std::nanf(""));
  for (std::vector<float>& array : found.weights) weight_gradients.push_back(array.data());
  wanted.op.backward({wanted.sample.params, wanted.sample.inputs, views, &wanted.weights, result.values(),
                      factors.values(), input_gradients, weight_gradients});
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Tensor gradient(kImages, inputs[i].shape);
    from_block(gradients[i].values(), 0, gradient.view());
    for (float& value : gradient.data) value -= 0.5F;
    found.inputs.push_back(to_nchw(std::as_const(gradient).view()));
  }
  return found;
}

std::string difference(double got, double wanted) {
  if (std::isnan(wanted) || std::abs(got - wanted) <= 5e-3 * std::max(1.0, std::abs(wanted))) return "";
  return fmt::format("{} instead of {}", got, wanted);
}

}  // namespace

std::string backward_fault(const OpDef& op, const OpSample& sample, const WeightType& type, std::uint64_t seed) {
  Rng rng(seed, kTestStream, 3000);
  const std::vector<Tensor> inputs = random_inputs(sample, kImages, seed);
  Case wanted{op, sample, {}, random_layer(op, sample, type, seed), {kImages, infer_sample(op, sample).shape}};
  for (const Tensor& input : inputs) wanted.inputs.push_back(to_nchw(input.view()));
  for (double& factor : wanted.factors.data) factor = rng.normal();
  const Gradients found = gradients_of(wanted, inputs);
  const std::vector<WeightSlot> slots =
      op.weights == nullptr ? std::vector<WeightSlot>{} : op.weights(sample.params, sample.inputs, type);
  for (int draw = 0; draw < kDraws; ++draw) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto at = static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(wanted.inputs[i].data.size())));
      const std::string wrong = difference(found.inputs[i].data[at], wanted.slope(wanted.inputs[i].data[at]));
      if (!wrong.empty()) return fmt::format("by value {} of input {}: {}", at, i, wrong);
    }
    for (std::size_t a = 0; a < slots.size(); ++a) {
      if (slots[a].role == Role::statistic) continue;
      std::vector<float>& array = wanted.weights.arrays[a];
      const auto at = static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(array.size())));
      const std::string wrong = difference(static_cast<double>(found.weights[a][at]), wanted.slope(array[at]));
      if (!wrong.empty()) return fmt::format("by value {} of '{}': {}", at, slots[a].name, wrong);
    }
  }
  return "";
}

}  // namespace cleave
