#include "ops/defs/layer_arrays.h"

#include "ops/defs/common.h"
#include "ops/defs/update.h"

namespace cleave {

MovedLayer moved_layer(const Params& params, const LayerWeights& weights) {
  const bool bias = params.boolean("bias", true);
  const LayerArrays arrays = layer_arrays(weights, bias);
  MovedLayer layer;
  layer.kernel = arrays.kernel->data();
  if (arrays.scale != nullptr) {
    layer.scale = arrays.scale->data();
    layer.scale_array = 1;
  }
  if (bias) {
    layer.bias = arrays.bias->data();
    layer.bias_array = layer.scale != nullptr ? 2 : 1;
  }
  return layer;
}

RowChange row_change(const MovedLayer& layer, std::span<const WeightMove> moves, std::int64_t filter) {
  const auto old_value = [&](int array, float value) {
    const std::span<const WeightMove> moved =
        array < 0 ? std::span<const WeightMove>() : moves_of(moves, array, filter, 1);
    return moved.empty() ? value : moved.front().old_value;
  };
  const float old_scale = old_value(layer.scale_array, layer.scale_of(filter));
  const float old_bias = old_value(layer.bias_array, layer.bias_of(filter));
  if (!(old_scale > 1e-6F)) return {.exact = false};  // dividing by a tiny scale loses digits
  const float ratio = layer.scale_of(filter) / old_scale;
  return {ratio, layer.bias_of(filter) - old_bias * ratio, true};
}

}  // namespace cleave
