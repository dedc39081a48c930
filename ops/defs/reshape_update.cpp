// Updates of the ops that put a channel's values elsewhere: pad and reshape.
#include <algorithm>

#include "ops/defs/update.h"

namespace cleave {

void update_pad(const UpdateArgs& args) {
  const Shape& shape = args.types.front().shape;
  const std::int64_t lanes = args.old_output.lanes;
  const std::int64_t size = args.params.integer("size");
  const std::int64_t above = args.params.has("rows") ? args.params.integers("rows").front() : size;
  const std::int64_t row = (shape[2] + 2 * size) * lanes;
  const std::int64_t count = slice_count(args.changed, args.old_output.channels);
  for (std::int64_t k = 0; k < count; ++k) {
    float* out = args.slices + k * args.old_output.channel_size();
    std::fill_n(out, args.old_output.channel_size(), 0.0F);
    const float* from = channel_now(args.inputs.front(), changed_channel(args.changed, k));
    for (std::int64_t y = 0; y < shape[1]; ++y)
      std::copy_n(from + y * shape[2] * lanes, shape[2] * lanes, out + (y + above) * row + size * lanes);
  }
}

// The channels that hold a value of a changed one.
ChangedChannels reach_reshape(const Params& params, std::span<const TensorType> types,
                              std::span<const ChangedChannels> inputs, std::span<const WeightMove>,
                              const LayerWeights*) {
  ChangedChannels changed{.all = inputs.front().all, .channels = {}};
  const std::int64_t from = pixels_of(types.front().shape);
  const std::int64_t to = pixels_of(params.integers("shape"));
  for (const std::int32_t c : inputs.front().channels)
    for (std::int64_t k = c * from / to; k * to < (c + 1) * from; ++k)
      if (changed.channels.empty() || changed.channels.back() < k)
        changed.channels.push_back(static_cast<std::int32_t>(k));
  return changed;
}

void update_reshape(const UpdateArgs& args) {
  const std::int64_t lanes = args.old_output.lanes;
  const std::int64_t pixels = args.old_output.pixels;
  const std::int64_t from = args.inputs.front().old_values.pixels;
  const std::int64_t count = slice_count(args.changed, args.old_output.channels);
  for (std::int64_t k = 0; k < count; ++k) {
    const std::int64_t first = changed_channel(args.changed, k) * pixels;
    for (std::int64_t p = 0; p < pixels;) {
      const std::int64_t within = (first + p) % from;
      const std::int64_t run = std::min(from - within, pixels - p);
      std::copy_n(channel_now(args.inputs.front(), (first + p) / from) + within * lanes, run * lanes,
                  args.slices + (k * pixels + p) * lanes);
      p += run;
    }
  }
}

}  // namespace cleave
