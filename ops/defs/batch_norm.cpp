#include <cmath>

#include "ops/defs/backward.h"
#include "ops/defs/common.h"
#include "ops/defs/defs.h"
#include "ops/defs/update.h"

namespace cleave {

namespace {

constexpr FieldDef kFields[] = {
    {.name = "momentum",
     .kind = Kind::real,
     .doc = "share of a new batch in the running mean and variance",
     .fallback = "0.1",
     .min = 0,
     .max = 1},
    {.name = "epsilon", .kind = Kind::real, .doc = "added to the variance", .fallback = "1e-5", .min = 1e-12, .max = 1},
};

TensorType infer(const Params& params, std::span<const TensorType> inputs) {
  check_params(params, kFields);
  return {DType::f32, only_input(inputs).shape};
}

std::vector<WeightSlot> weights(const Params&, std::span<const TensorType> inputs, const WeightType&) {
  const Shape shape{channels_of(only_input(inputs).shape)};
  return {{"weight", Role::gain, shape, 1},
          {"bias", Role::bias, shape, 0},
          {"running_mean", Role::statistic, shape, 0},
          {"running_var", Role::statistic, shape, 1}};
}

Cost cost(const Params& params, std::span<const TensorType> inputs, const TensorType& output, const WeightType& type,
          std::int64_t batch) {
  return layer_cost(0, weights(params, inputs, type), type, inputs, output, batch);
}

// Packed: y = x * [0] + [1], per channel.
PackedWeights pack(const Params& params, std::span<const TensorType>, LayerWeights weights) {
  const double epsilon = params.real("epsilon", 1e-5);
  const std::size_t channels = weights.arrays[0].size();
  PackedWeights packed{{std::vector<float>(channels), std::vector<float>(channels)}, {}};
  for (std::size_t c = 0; c < channels; ++c) {
    const double factor = weights.arrays[0][c] / std::sqrt(weights.arrays[3][c] + epsilon);
    packed.arrays[0][c] = static_cast<float>(factor);
    packed.arrays[1][c] = static_cast<float>(weights.arrays[1][c] - weights.arrays[2][c] * factor);
  }
  return packed;
}

void forward(const ForwardArgs& args) {
  const std::span<const float> from = args.inputs.front().values();
  const std::span<float> to = args.output.values();
  const std::vector<float>& factor = args.weights->arrays[0];
  const std::vector<float>& offset = args.weights->arrays[1];
  for (std::size_t i = 0; i < from.size(); i += factor.size())
    for (std::size_t c = 0; c < factor.size(); ++c) to[i + c] = from[i + c] * factor[c] + offset[c];
}

}  // namespace

// - batch_norm: {epsilon: 1e-5}
constinit const OpDef kBatchNorm = {.name = "batch_norm",
                                    .doc = "per channel (x - mean) / sqrt(variance + epsilon) * weight + bias",
                                    .fields = kFields,
                                    .infer = infer,
                                    .weights = weights,
                                    .cost = cost,
                                    .pack = pack,
                                    .forward = forward,
                                    .reach = reach_batch_norm,
                                    .update = update_batch_norm,
                                    .backward = backward_batch_norm,
                                    .part = part_alike};

}  // namespace cleave
