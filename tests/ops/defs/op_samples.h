// Uses of every op for the contract tests: parameters and inputs that fit, and some that do not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ops/core/op.h"

namespace cleave {

struct OpSample {
  Params params;
  std::vector<TensorType> inputs;
};

struct BadSample {
  Params params;
  std::vector<TensorType> inputs;
  std::string message;  // of the OpError
};

// Returns uses of the op; empty for an op without samples, which fails the contract test.
std::vector<OpSample> op_samples(std::string_view op);
// Returns uses the op must refuse, beside those every op refuses.
std::vector<BadSample> bad_samples(std::string_view op);

// Returns "conv2d {filters: 3} of 3x8x8".
std::string to_text(std::string_view op, const OpSample& sample);

// Returns the inferred type of the output.
TensorType infer_sample(const OpDef& op, const OpSample& sample);
// Returns a batch of values for each input, normally distributed, ±1 for bits; a function of the seed.
std::vector<Tensor> random_inputs(const OpSample& sample, std::int64_t batch, std::uint64_t seed);
// Returns arrays for the op's slots, of values that `type` allows; empty for ops without weights.
LayerWeights random_layer(const OpDef& op, const OpSample& sample, const WeightType& type, std::uint64_t seed);
// Packs and runs the op; elements it does not write stay NaN.
Tensor run_op(const OpDef& op, const OpSample& sample, const LayerWeights& weights, const std::vector<Tensor>& inputs);

}  // namespace cleave
