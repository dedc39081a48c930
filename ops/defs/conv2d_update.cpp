// A convolution under a proposal, out[f] = scale[f]·Σ_c w[f,c] * x[c] + bias[f]:
//   a few weights of a filter    out' = (out - bias)·scale'/scale + bias' + scale'·Σ (w' - w)·(x shifted to its tap)
//   a few input channels         out'[f] = out[f] + Σ_k (scale[f]·w[f,k]) * (x'[k] - x[k])
//   otherwise                    the filter's sum anew
#include <algorithm>
#include <cassert>
#include <vector>

#include "ops/defs/convolution.h"
#include "ops/defs/layer_arrays.h"
#include "ops/defs/update.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {

namespace {

// Adding a difference touches memory more often than summing anew does.
constexpr std::int64_t kDearer = 3;

struct ConvLayer {
  Convolution conv;
  MovedLayer arrays;
  PlaneWindows windows{};

  std::int64_t filters() const { return conv.filters * conv.groups; }
  // Every pixel by itself.
  bool is_dense() const {
    return conv.kernel == 1 && conv.x.stride == 1 && conv.y.out == conv.y.in && conv.x.out == conv.x.in;
  }
  const float* kernel(std::int64_t filter) const { return arrays.kernel + filter * conv.taps(); }
};

ConvLayer layer_of(const UpdateArgs& args) {
  const Convolution conv = convolution(args.params, args.types.front().shape);
  return {conv, moved_layer(args.params, *args.weights),
          PlaneWindows{conv.y.in, conv.x.in, conv.y.out, conv.x.out, conv.kernel, conv.x.stride, conv.y.before,
                       conv.x.before, args.old_output.lanes}};
}

// Sums filters of one group anew.
void sum_anew(const UpdateArgs& args, const ConvLayer& layer, std::int64_t group, std::span<const std::int32_t> filters,
              float* slices) {
  const Convolution& conv = layer.conv;
  const std::int64_t size = args.old_output.channel_size();
  std::vector<const float*> inputs(static_cast<std::size_t>(conv.inputs));
  for (std::int64_t c = 0; c < conv.inputs; ++c)
    inputs[static_cast<std::size_t>(c)] = channel_now(args.inputs.front(), group * conv.inputs + c);
  std::vector<const float*> kernels(filters.size());
  std::vector<float*> outputs(filters.size());
  for (std::size_t k = 0; k < filters.size(); ++k) {
    kernels[k] = layer.kernel(filters[k]);
    outputs[k] = slices + static_cast<std::int64_t>(k) * size;
  }
  const auto count = static_cast<std::int64_t>(filters.size());
  if (layer.is_dense()) train_kernels().dense(outputs.data(), kernels.data(), inputs.data(), count, conv.inputs, size);
  else
    train_kernels().convolve(
        {layer.windows, inputs.data(), nullptr, conv.inputs, kernels.data(), outputs.data(), count, false});
  for (std::size_t k = 0; k < filters.size(); ++k) {
    const float scale = layer.arrays.scale_of(filters[k]);
    const float bias = layer.arrays.bias_of(filters[k]);
    if (scale != 1.0F || bias != 0.0F) train_kernels().affine(outputs[k], outputs[k], scale, bias, size);
  }
}

void sum_all_anew(const UpdateArgs& args, const ConvLayer& layer) {
  const std::int64_t count = slice_count(args.changed, layer.filters());
  std::vector<std::int32_t> filters;
  for (std::int64_t k = 0; k < count;) {
    const std::int64_t first = k;
    const std::int64_t group = changed_channel(args.changed, k) / layer.conv.filters;
    filters.clear();
    for (; k < count && changed_channel(args.changed, k) / layer.conv.filters == group; ++k)
      filters.push_back(changed_channel(args.changed, k));
    sum_anew(args, layer, group, filters, args.slices + first * args.old_output.channel_size());
  }
}

void update_filter(const UpdateArgs& args, const ConvLayer& layer, std::int32_t filter, float* out) {
  const Convolution& conv = layer.conv;
  const std::span<const WeightMove> moves = moves_of(args.moves, 0, filter, conv.taps());
  const RowChange change = row_change(layer.arrays, args.moves, filter);
  const std::int64_t group = filter / conv.filters;
  if (static_cast<std::int64_t>(moves.size()) * kDearer > conv.taps() || !change.exact)
    return sum_anew(args, layer, group, {&filter, 1}, out);
  const TrainKernels& kernels = train_kernels();
  kernels.affine(out, args.old_output.channel(filter), change.ratio, change.offset, args.old_output.channel_size());
  for (const WeightMove& move : moves) {
    const std::int64_t tap = move.index - filter * conv.taps();
    const std::int64_t cell = tap % (conv.kernel * conv.kernel);
    const std::int64_t channel = group * conv.inputs + tap / (conv.kernel * conv.kernel);
    const float difference = layer.arrays.scale_of(filter) * (layer.kernel(filter)[tap] - move.old_value);
    kernels.add_tap(layer.windows, out, args.inputs.front().old_values.channel(channel), cell / conv.kernel,
                    cell % conv.kernel, difference);
  }
}

// What a few input channels of one group changed is added to all its filters. Scaled filters need scaled weights.
void add_inputs(const UpdateArgs& args, const ConvLayer& layer, std::span<const std::int32_t> channels,
                const float* differences, float* slices) {
  const Convolution& conv = layer.conv;
  const std::int64_t group = channels.front() / conv.inputs;
  const std::int64_t cells = conv.kernel * conv.kernel;
  std::vector<const float*> inputs;
  std::vector<std::int32_t> taken;
  for (std::size_t k = 0; k < channels.size(); ++k) {
    inputs.push_back(differences + static_cast<std::int64_t>(k) * args.inputs.front().old_values.channel_size());
    taken.push_back(static_cast<std::int32_t>(channels[k] - group * conv.inputs));
  }
  std::vector<float> scaled(layer.arrays.scale == nullptr ? 0 : static_cast<std::size_t>(conv.taps()));
  for (std::int64_t f = 0; f < conv.filters; ++f) {
    const std::int64_t filter = group * conv.filters + f;
    const float* kernel = layer.kernel(filter);
    if (!scaled.empty()) {
      for (const std::int32_t c : taken)
        for (std::int64_t i = c * cells; i < (c + 1) * cells; ++i)
          scaled[static_cast<std::size_t>(i)] = kernel[i] * layer.arrays.scale_of(filter);
      kernel = scaled.data();
    }
    float* out = slices + f * args.old_output.channel_size();
    std::copy_n(args.old_output.channel(filter), args.old_output.channel_size(), out);
    train_kernels().convolve(
        {layer.windows, inputs.data(), taken.data(), static_cast<std::int64_t>(taken.size()), &kernel, &out, 1, true});
  }
}

void add_differences(const UpdateArgs& args, const ConvLayer& layer) {
  const UpdateInput& input = args.inputs.front();
  const std::vector<std::int32_t>& channels = input.changed->channels;
  const std::int64_t size = input.old_values.channel_size();
  std::vector<float> differences(channels.size() * static_cast<std::size_t>(size));
  float* slices = args.slices;
  for (std::size_t k = 0; k < channels.size();) {
    const std::size_t first = k;
    const std::int64_t group = channels[k] / layer.conv.inputs;
    for (; k < channels.size() && channels[k] / layer.conv.inputs == group; ++k)
      train_kernels().subtract(differences.data() + static_cast<std::int64_t>(k) * size,
                               input.slices + static_cast<std::int64_t>(k) * size,
                               input.old_values.channel(channels[k]), size);
    add_inputs(args, layer, std::span(channels).subspan(first, k - first),
               differences.data() + static_cast<std::int64_t>(first) * size, slices);
    slices += layer.conv.filters * args.old_output.channel_size();
  }
}

// The filters of the groups that the input channels belong to.
ChangedChannels reached_filters(const Convolution& conv, const ChangedChannels& inputs) {
  if (inputs.all || (conv.groups == 1 && !inputs.none())) return {.all = true, .channels = {}};
  ChangedChannels reached;
  std::int64_t last = -1;
  for (const std::int32_t c : inputs.channels) {
    const std::int64_t group = c / conv.inputs;
    for (std::int64_t f = 0; group != last && f < conv.filters; ++f)
      reached.channels.push_back(static_cast<std::int32_t>(group * conv.filters + f));
    last = group;
  }
  return reached;
}

}  // namespace

ChangedChannels reach_conv2d(const Params& params, std::span<const TensorType> types,
                             std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                             const LayerWeights*) {
  const Convolution conv = convolution(params, types.front().shape);
  return united(reached_filters(conv, inputs.front()), moved_filters(moves, conv.taps()));
}

void update_conv2d(const UpdateArgs& args) {
  const ConvLayer layer = layer_of(args);
  const ChangedChannels& inputs = *args.inputs.front().changed;
  if (inputs.none()) {
    const std::int64_t count = slice_count(args.changed, layer.filters());
    for (std::int64_t k = 0; k < count; ++k)
      update_filter(args, layer, changed_channel(args.changed, k), args.slices + k * args.old_output.channel_size());
    return;
  }
  const bool few = !inputs.all && 2 * static_cast<std::int64_t>(inputs.channels.size()) < layer.conv.inputs;
  if (few && args.moves.empty()) return add_differences(args, layer);
  sum_all_anew(args, layer);
}

}  // namespace cleave
