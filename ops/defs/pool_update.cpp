// Updates of the ops that work on each channel by itself (pooling, batch norm) or on all of them (softmax).
#include <algorithm>
#include <cmath>

#include "ops/defs/pool.h"
#include "ops/defs/update.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {

namespace {

void pool_channels(const UpdateArgs& args, void (*pool)(const PlaneWindows&, float*, const float*)) {
  const auto [y, x] = pool_windows(args.params, args.types.front().shape);
  // A window of the whole image is as long as its longer side: what lies outside does not count.
  const PlaneWindows windows{
      y.in, x.in, y.out, x.out, std::max(y.size, x.size), x.stride, y.before, x.before, args.old_output.lanes};
  const std::int64_t count = slice_count(args.changed, args.old_output.channels);
  for (std::int64_t k = 0; k < count; ++k)
    pool(windows, args.slices + k * args.old_output.channel_size(),
         args.inputs.front().slices + k * args.inputs.front().old_values.channel_size());
}

}  // namespace

void update_max_pool(const UpdateArgs& args) { pool_channels(args, train_kernels().largest); }

void update_mean_pool(const UpdateArgs& args) { pool_channels(args, train_kernels().mean); }

ChangedChannels reach_batch_norm(const Params&, std::span<const TensorType>, std::span<const ChangedChannels> inputs,
                                 std::span<const WeightMove> moves, const LayerWeights*) {
  return united(inputs.front(), moved_filters(moves, 1));
}

void update_batch_norm(const UpdateArgs& args) {
  const double epsilon = args.params.real("epsilon", 1e-5);
  const std::int64_t count = slice_count(args.changed, args.old_output.channels);
  for (std::int64_t k = 0; k < count; ++k) {
    const std::int32_t channel = changed_channel(args.changed, k);
    const auto c = static_cast<std::size_t>(channel);
    const std::vector<std::vector<float>>& arrays = args.weights->arrays;
    const double factor = arrays[0][c] / std::sqrt(arrays[3][c] + epsilon);
    train_kernels().affine(args.slices + k * args.old_output.channel_size(), channel_now(args.inputs.front(), channel),
                           static_cast<float>(factor), static_cast<float>(arrays[1][c] - arrays[2][c] * factor),
                           args.old_output.channel_size());
  }
}

ChangedChannels reach_softmax(const Params&, std::span<const TensorType>, std::span<const ChangedChannels> inputs,
                              std::span<const WeightMove>, const LayerWeights*) {
  return {.all = !inputs.front().none(), .channels = {}};
}

// In the order of `forward`: the largest value of a pixel's channels is taken off, then exp, then the sum divides.
void update_softmax(const UpdateArgs& args) {
  if (args.changed.none()) return;
  const std::int64_t channels = args.old_output.channels;
  const std::int64_t size = args.old_output.channel_size();
  float* out = args.slices;
  std::vector<float> pixel(static_cast<std::size_t>(size));  // of all images: the largest value, then the sum
  for (std::int64_t c = 0; c < channels; ++c) {
    const float* now = channel_now(args.inputs.front(), c);
    for (std::size_t i = 0; i < pixel.size(); ++i) pixel[i] = c == 0 || now[i] > pixel[i] ? now[i] : pixel[i];
  }
  for (std::int64_t c = 0; c < channels; ++c)
    train_kernels().subtract(out + c * size, channel_now(args.inputs.front(), c), pixel.data(), size);
  train_kernels().exponential(out, out, channels * size);
  std::fill(pixel.begin(), pixel.end(), 0.0F);
  for (std::int64_t c = 0; c < channels; ++c) train_kernels().axpy(pixel.data(), out + c * size, 1.0F, size);
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::size_t i = 0; i < pixel.size(); ++i) (out + c * size)[i] /= pixel[i];
}

}  // namespace cleave
