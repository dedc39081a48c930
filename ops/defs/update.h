// The `reach` and `update` of the ops that have them (see OpDef): what a proposal changes, and only that.
//
// An `update` whose inputs are all changed computes its changed channels from the slices alone: it reads neither old
// values nor the old output. Thus it also serves to compute a whole block from nothing.
#pragma once

#include "ops/core/op.h"

namespace cleave {

// Dense: changed inputs reach every unit, changed weights their own unit. A few changed weights of a unit add their
// differences to its output, a few changed inputs theirs to all outputs; many are summed anew.
ChangedChannels reach_dense(const Params& params, std::span<const TensorType> types,
                            std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                            const LayerWeights* weights);
void update_dense(const UpdateArgs& args);

// Convolution: changed inputs reach the filters of their group, changed weights their own filter; the rest as above.
ChangedChannels reach_conv2d(const Params& params, std::span<const TensorType> types,
                             std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                             const LayerWeights* weights);
void update_conv2d(const UpdateArgs& args);

// Flatten: a channel becomes as many channels as it has pixels.
ChangedChannels reach_flatten(const Params& params, std::span<const TensorType> types,
                              std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                              const LayerWeights* weights);
void update_flatten(const UpdateArgs& args);

// Pooling, batch norm as a fixed scale (gains and biases may move), softmax.
void update_max_pool(const UpdateArgs& args);
void update_mean_pool(const UpdateArgs& args);
ChangedChannels reach_batch_norm(const Params& params, std::span<const TensorType> types,
                                 std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                                 const LayerWeights* weights);
void update_batch_norm(const UpdateArgs& args);
ChangedChannels reach_softmax(const Params& params, std::span<const TensorType> types,
                              std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                              const LayerWeights* weights);
void update_softmax(const UpdateArgs& args);

// Ops that move values about or add them up. `reach_any`: every channel that changes in one of the inputs.
ChangedChannels reach_any(const Params& params, std::span<const TensorType> types,
                          std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                          const LayerWeights* weights);
void update_add(const UpdateArgs& args);
ChangedChannels reach_concat(const Params& params, std::span<const TensorType> types,
                             std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                             const LayerWeights* weights);
void update_concat(const UpdateArgs& args);
ChangedChannels reach_slice(const Params& params, std::span<const TensorType> types,
                            std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                            const LayerWeights* weights);
void update_slice(const UpdateArgs& args);
void update_pad(const UpdateArgs& args);
ChangedChannels reach_reshape(const Params& params, std::span<const TensorType> types,
                              std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                              const LayerWeights* weights);
void update_reshape(const UpdateArgs& args);

// Activations: the channels of the input.
ChangedChannels reach_elementwise(const Params& params, std::span<const TensorType> types,
                                  std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                                  const LayerWeights* weights);
void update_relu(const UpdateArgs& args);
void update_sign(const UpdateArgs& args);
void update_tanh(const UpdateArgs& args);
void update_sigmoid(const UpdateArgs& args);

// The channels of both, ascending.
ChangedChannels united(const ChangedChannels& a, const ChangedChannels& b);
// The rows, filters or units that `moves` touch in a layer whose kernel has `fan_in` weights for each.
ChangedChannels moved_filters(std::span<const WeightMove> moves, std::int64_t fan_in);
// The moves among `moves` of one filter's part of an array of `per_filter` weights for each.
std::span<const WeightMove> moves_of(std::span<const WeightMove> moves, int array, std::int64_t filter,
                                     std::int64_t per_filter);
// The values of a channel under the proposal.
const float* channel_now(const UpdateInput& input, std::int64_t channel);
// Returns the number of channels in the slices of a tensor with `channels` channels.
std::int64_t slice_count(const ChangedChannels& changed, std::int64_t channels);

// Number `k` of the changed channels, which are counted up to slice_count.
inline std::int32_t changed_channel(const ChangedChannels& changed, std::int64_t k) {
  return changed.all ? static_cast<std::int32_t>(k) : changed.channels[static_cast<std::size_t>(k)];
}

}  // namespace cleave
