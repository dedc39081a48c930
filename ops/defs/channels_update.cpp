// Updates of the ops that put values together by channels or along an axis: add, concat, slice. Each output channel
// is put together from rows of its inputs as they are under the proposal.
#include <algorithm>

#include "ops/defs/update.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {

namespace {

// A part of a plane: `rows` rows of `run` floats, `from` and `to` floats apart.
void copy_rows(float* to, std::int64_t to_step, const float* from, std::int64_t from_step, std::int64_t rows,
               std::int64_t run) {
  for (std::int64_t r = 0; r < rows; ++r) std::copy_n(from + r * from_step, run, to + r * to_step);
}

bool along_channels(const Params& params, const Shape& shape) {
  return params.integer("axis", 0) == 0 || !is_image(shape);
}

// A row's floats when the axis is columns, a plane's when it is rows: what one step along the axis' outer side is.
struct PlaneAxis {
  std::int64_t rows = 1, step = 0;  // rows that are parted, floats of one
  std::int64_t unit = 1;            // floats of one place along the axis
};

PlaneAxis plane_axis(const Params& params, const Shape& shape, std::int64_t lanes) {
  if (params.integer("axis", 0) == 1) return {1, shape[1] * shape[2] * lanes, shape[2] * lanes};
  return {shape[1], shape[2] * lanes, lanes};
}

}  // namespace

ChangedChannels reach_any(const Params&, std::span<const TensorType>, std::span<const ChangedChannels> inputs,
                          std::span<const WeightMove>, const LayerWeights*) {
  ChangedChannels changed;
  for (const ChangedChannels& input : inputs) changed = united(changed, input);
  return changed;
}

void update_add(const UpdateArgs& args) {
  const std::int64_t size = args.old_output.channel_size();
  const std::int64_t count = slice_count(args.changed, args.old_output.channels);
  for (std::int64_t k = 0; k < count; ++k) {
    const std::int32_t c = changed_channel(args.changed, k);
    float* out = args.slices + k * size;
    train_kernels().add_scaled(out, channel_now(args.inputs[0], c), channel_now(args.inputs[1], c), 1.0F, size);
    for (const UpdateInput& input : args.inputs.subspan(2))
      train_kernels().axpy(out, channel_now(input, c), 1.0F, size);
  }
}

ChangedChannels reach_concat(const Params& params, std::span<const TensorType> types,
                             std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                             const LayerWeights* weights) {
  if (!along_channels(params, types.front().shape)) return reach_any(params, types, inputs, moves, weights);
  const bool all = std::all_of(inputs.begin(), inputs.end(), [](const ChangedChannels& c) { return c.all; });
  ChangedChannels changed{.all = all, .channels = {}};
  std::int64_t first = 0;
  for (std::size_t i = 0; i < inputs.size() && !all; ++i) {
    const std::int64_t channels = channels_of(types[i].shape);
    for (std::int64_t k = 0; k < slice_count(inputs[i], channels); ++k)
      changed.channels.push_back(static_cast<std::int32_t>(first + changed_channel(inputs[i], k)));
    first += channels;
  }
  return changed;
}

void update_concat(const UpdateArgs& args) {
  const std::int64_t lanes = args.old_output.lanes;
  const std::int64_t size = args.old_output.channel_size();
  const bool channels = along_channels(args.params, args.types.front().shape);
  const std::int64_t count = slice_count(args.changed, args.old_output.channels);
  for (std::int64_t k = 0; k < count; ++k) {
    std::int64_t channel = changed_channel(args.changed, k);
    std::int64_t done = 0;  // floats of a row that the inputs so far fill
    for (std::size_t i = 0; i < args.inputs.size(); ++i) {
      const std::int64_t own = args.inputs[i].old_values.channels;
      if (channels && channel < own) {
        std::copy_n(channel_now(args.inputs[i], channel), size, args.slices + k * size);
        break;
      }
      if (channels) {
        channel -= own;
        continue;
      }
      const PlaneAxis axis = plane_axis(args.params, args.types[i].shape, lanes);
      copy_rows(args.slices + k * size + done, size / axis.rows, channel_now(args.inputs[i], channel), axis.step,
                axis.rows, axis.step);
      done += axis.step;
    }
  }
}

ChangedChannels reach_slice(const Params& params, std::span<const TensorType> types,
                            std::span<const ChangedChannels> inputs, std::span<const WeightMove>, const LayerWeights*) {
  const ChangedChannels& input = inputs.front();
  if (input.all || !along_channels(params, types.front().shape)) return input;
  ChangedChannels changed;
  for (const std::int32_t c : input.channels)
    if (c >= params.integer("from", 0) && c < params.integer("to"))
      changed.channels.push_back(static_cast<std::int32_t>(c - params.integer("from", 0)));
  return changed;
}

void update_slice(const UpdateArgs& args) {
  const UpdateInput& input = args.inputs.front();
  const std::int64_t from = args.params.integer("from", 0);
  const std::int64_t size = args.old_output.channel_size();
  const bool channels = along_channels(args.params, args.types.front().shape);
  const std::int64_t count = slice_count(args.changed, args.old_output.channels);
  for (std::int64_t k = 0; k < count; ++k) {
    const std::int32_t c = changed_channel(args.changed, k);
    if (channels) {
      std::copy_n(channel_now(input, c + from), size, args.slices + k * size);
      continue;
    }
    const PlaneAxis axis = plane_axis(args.params, args.types.front().shape, args.old_output.lanes);
    copy_rows(args.slices + k * size, size / axis.rows, channel_now(input, c) + from * axis.unit, axis.step, axis.rows,
              size / axis.rows);
  }
}

}  // namespace cleave
