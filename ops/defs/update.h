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

// Flatten: a channel becomes as many channels as it has pixels.
ChangedChannels reach_flatten(const Params& params, std::span<const TensorType> types,
                              std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                              const LayerWeights* weights);
void update_flatten(const UpdateArgs& args);

// Activations: the channels of the input.
ChangedChannels reach_elementwise(const Params& params, std::span<const TensorType> types,
                                  std::span<const ChangedChannels> inputs, std::span<const WeightMove> moves,
                                  const LayerWeights* weights);
void update_relu(const UpdateArgs& args);
void update_sign(const UpdateArgs& args);
void update_tanh(const UpdateArgs& args);
void update_sigmoid(const UpdateArgs& args);

// Returns the number of channels in the slices of a tensor with `channels` channels.
std::int64_t slice_count(const ChangedChannels& changed, std::int64_t channels);

}  // namespace cleave
