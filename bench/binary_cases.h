// Larq's four layers as cases of a bench: what to run, and the operations they count.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "ops/core/catalog.h"
#include "ops/core/rng.h"
#include "ops/defs/binary_layer.h"
#include "ops/defs/int8_layer.h"

namespace cleave {

// A 3x3 convolution of stride 1 with a zero around the image, as many filters as channels.
struct BenchShape {
  const char* name;
  std::int64_t size, channels;

  double operations() const {
    return 2.0 * 9 * static_cast<double>(channels * channels) * static_cast<double>(size * size);
  }
};
inline constexpr BenchShape kLarqShapes[] = {{"A", 56, 64}, {"B", 28, 128}, {"C", 14, 256}, {"D", 7, 256}};

// A layer of random ±1 weights and inputs with what it takes to run it. Its cases share it, and own a part of it.
class BenchLayer {
 public:
  explicit BenchLayer(const BenchShape& shape) : state_(std::make_shared<State>()) {
    State& s = *state_;
    Rng rng(1, kTestStream, 0);
    s.params.set("filters", shape.channels);
    s.params.set("kernel", std::int64_t{3});
    s.params.set("padding", std::int64_t{1});
    s.type = {DType::bit, {shape.channels, shape.size, shape.size}};
    s.conv = convolution(s.params, s.type.shape);
    s.input = Tensor(1, s.type.shape);
    s.output = Tensor(1, s.type.shape);
    s.weights = {{}, {{}, std::vector<float>(static_cast<std::size_t>(shape.channels), 0.5F)}};
    s.weights.arrays[0].resize(static_cast<std::size_t>(9 * shape.channels * shape.channels));
    for (float& value : s.input.data) value = rng.below(2) == 0 ? -1.0F : 1.0F;
    for (float& value : s.weights.arrays[0]) value = rng.below(2) == 0 ? -1.0F : 1.0F;
    s.scratch.resize(static_cast<std::size_t>(binary_scratch(s.conv)));
  }

  // The layer as conv2d computes it with real weights.
  std::function<void()> float_run() const {
    const OpDef* op = find(op_catalog(), "conv2d");
    const TensorType real{DType::f32, state_->type.shape};
    const std::shared_ptr<PackedWeights> packed =
        std::make_shared<PackedWeights>(op->pack(state_->params, {&real, 1}, state_->weights));
    return [state = state_, op, packed] {
      const ConstTensorView input = std::as_const(state->input).view();
      op->forward({state->params, {&input, 1}, packed.get(), state->output.view()});
    };
  }

  std::function<void()> binary_run(const BinaryKernels& kernels, BinaryForm form) const {
    const BinaryPlan plan{&kernels, form, BinaryWeights::sign};
    const LayerArrays layer{.kernel = &state_->weights.arrays[0], .bias = &state_->weights.arrays[1]};
    const std::shared_ptr<LineBytes> panel = std::make_shared<LineBytes>(pack_binary(state_->conv, plan, layer));
    return [state = state_, panel] { forward_binary(state->conv, *panel, state->job(), state->scratch); };
  }

  // The layer in int8, the weights being what they are.
  std::function<void()> int8_run(const Int8Kernels& kernels) const {
    const LayerArrays layer{.kernel = &state_->weights.arrays[0], .bias = &state_->weights.arrays[1]};
    const std::shared_ptr<LineBytes> panel =
        std::make_shared<LineBytes>(pack_int8(state_->conv, kernels, layer, 0.01F));
    const std::shared_ptr<std::vector<float>> scratch =
        std::make_shared<std::vector<float>>(static_cast<std::size_t>(int8_scratch(state_->conv, kernels)));
    return [state = state_, panel, scratch] { forward_int8(state->conv, *panel, state->job(), *scratch); };
  }

  // "table", with a star where it is what plan_binary chooses.
  std::string form_name(const BinaryKernels& kernels, BinaryForm form) const {
    constexpr const char* kNames[] = {"count", "carry", "table"};
    const bool chosen = plan_binary(kernels, state_->conv, {WeightType::Grid::sign, 1, false}).form == form;
    return kNames[static_cast<int>(form)] + std::string(chosen ? " *" : "");
  }

 private:
  struct State {
    Params params;
    TensorType type;
    Convolution conv;
    Tensor input, output;
    LayerWeights weights;
    std::vector<float> scratch;

    WordJob job() {
      const std::int64_t row = type.shape[0] * type.shape[2];
      return {
          .input = input.data.data(), .input_row = row, .output = output.data.data(), .output_row = row, .clamp = {}};
    }
  };
  std::shared_ptr<State> state_;
};

}  // namespace cleave
