// What the ops' training functions are given: one node, one block of images in the training layout.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/core/params.h"
#include "ops/core/tensor.h"

namespace cleave {

struct LayerWeights;

// The channels (units) of a tensor that a proposal changes, ascending, the same for all images.
struct ChangedChannels {
  bool all = false;
  std::vector<std::int32_t> channels;  // unused when `all`

  bool none() const { return !all && channels.empty(); }
};

// One weight that a proposal changes; the new value is already in the LayerWeights.
struct WeightMove {
  std::int32_t array = 0;
  std::int64_t index = 0;  // flat, row-major
  float old_value = 0;
};

struct UpdateInput {
  ConstBlockView old_values;  // before the proposal
  const ChangedChannels* changed;
  const float* slices;  // the new values of the changed channels, [k][pixels][lanes]; all channels if `all`
};

// One node, one block of images, one proposal.
struct UpdateArgs {
  const Params& params;
  std::span<const TensorType> types;  // of the inputs
  std::span<const UpdateInput> inputs;
  const LayerWeights* weights;        // under the proposal; null for ops without weights
  std::span<const WeightMove> moves;  // of this layer, sorted by (array, index)
  ConstBlockView old_output;
  const ChangedChannels& changed;  // what `reach` returned
  float* slices;                   // to be written: the new values of the changed channels, as UpdateInput::slices
};

// One node, one block of images: how the loss changes with each value the node reads and each weight, from how it
// changes with each value the node gives. All in the training layout, the gradients laid out as what they belong to.
struct BackwardArgs {
  const Params& params;
  std::span<const TensorType> types;  // of the inputs
  std::span<const ConstBlockView> inputs;
  const LayerWeights* weights;               // null for ops without weights
  ConstBlockView output;                     // what the op made of the inputs
  ConstBlockView gradient;                   // by the output
  std::span<float* const> input_gradients;   // added to; null where nobody asks for one
  std::span<float* const> weight_gradients;  // by array: written, summed over all lanes; null for statistics
};

}  // namespace cleave
