// The arrays of a dense or convolutional layer under a proposal, one row of the kernel per filter or unit.
#pragma once

#include <cstdint>
#include <span>

#include "ops/core/op.h"

namespace cleave {

struct MovedLayer {
  const float* kernel = nullptr;
  const float* scale = nullptr;  // null: 1
  const float* bias = nullptr;   // null: 0
  int scale_array = -1, bias_array = -1;

  float scale_of(std::int64_t filter) const { return scale == nullptr ? 1.0F : scale[filter]; }
  float bias_of(std::int64_t filter) const { return bias == nullptr ? 0.0F : bias[filter]; }
};
MovedLayer moved_layer(const Params& params, const LayerWeights& weights);

// What moves of a row's scale and bias make of its old output: out·ratio + offset.
struct RowChange {
  float ratio = 1, offset = 0;
  bool exact = true;  // false: the old scale is too small to divide by
};
RowChange row_change(const MovedLayer& layer, std::span<const WeightMove> moves, std::int64_t filter);

}  // namespace cleave
