#include <cmath>
#include <cstring>

#include "ops/defs/update.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {

namespace {

std::int64_t slice_size(const UpdateArgs& args) {
  return slice_count(args.changed, args.old_output.channels) * args.old_output.channel_size();
}

}  // namespace

ChangedChannels reach_elementwise(const Params&, std::span<const TensorType>, std::span<const ChangedChannels> inputs,
                                  std::span<const WeightMove>, const LayerWeights*) {
  return inputs.front();
}

void update_relu(const UpdateArgs& args) {
  train_kernels().relu(args.slices, args.inputs.front().slices, slice_size(args));
}

void update_sign(const UpdateArgs& args) {
  train_kernels().sign(args.slices, args.inputs.front().slices, slice_size(args));
}

void update_sigmoid(const UpdateArgs& args) {
  train_kernels().sigmoid(args.slices, args.inputs.front().slices, slice_size(args));
}

void update_tanh(const UpdateArgs& args) {
  const float* from = args.inputs.front().slices;
  const std::int64_t count = slice_size(args);
  for (std::int64_t i = 0; i < count; ++i) args.slices[i] = std::tanh(from[i]);
}

ChangedChannels reach_flatten(const Params&, std::span<const TensorType> types, std::span<const ChangedChannels> inputs,
                              std::span<const WeightMove>, const LayerWeights*) {
  const std::int64_t pixels = pixels_of(types.front().shape);
  ChangedChannels changed{.all = inputs.front().all, .channels = {}};
  for (const std::int32_t c : inputs.front().channels)
    for (std::int64_t p = 0; p < pixels; ++p) changed.channels.push_back(static_cast<std::int32_t>(c * pixels + p));
  return changed;
}

// [C][pixels][lanes] is [C·pixels][1][lanes]: slices stay where they are.
void update_flatten(const UpdateArgs& args) {
  std::memcpy(args.slices, args.inputs.front().slices, static_cast<std::size_t>(slice_size(args)) * sizeof(float));
}

}  // namespace cleave
