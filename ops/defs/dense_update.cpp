// A dense layer under a proposal, out[u] = scale[u]·Σ_i w[u,i]·x[i] + bias[u]:
//   a few weights of a unit    out' = (out - bias)·scale'/scale + bias' + scale'·Σ (w' - w)·x[i]
//   a few inputs               out'[u] = out[u] + scale[u]·Σ_k w[u,k]·(x'[k] - x[k])
//   otherwise                  the unit's sum anew
#include <algorithm>
#include <array>
#include <cassert>
#include <vector>

#include "ops/defs/common.h"
#include "ops/defs/update.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {

namespace {

struct DenseLayer {
  LayerArrays arrays;
  std::int64_t units = 0;
  std::int64_t inputs = 0;
  int scale_array = -1;
  int bias_array = -1;

  float scale(std::int64_t u) const { return arrays.scale == nullptr ? 1.0F : (*arrays.scale)[index(u)]; }
  float bias(std::int64_t u) const { return arrays.bias == nullptr ? 0.0F : (*arrays.bias)[index(u)]; }
  const float* row(std::int64_t u) const { return arrays.kernel->data() + u * inputs; }
  static std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }
};

DenseLayer layer_of(const Params& params, const LayerWeights& weights) {
  DenseLayer layer;
  const bool bias = params.boolean("bias", true);
  layer.arrays = layer_arrays(weights, bias);
  layer.units = params.integer("units");
  layer.inputs = static_cast<std::int64_t>(layer.arrays.kernel->size()) / layer.units;
  if (layer.arrays.scale != nullptr) layer.scale_array = 1;
  if (bias) layer.bias_array = layer.arrays.scale != nullptr ? 2 : 1;
  return layer;
}

std::int64_t unit_of(const WeightMove& move, std::int64_t inputs) {
  return move.array == 0 ? move.index / inputs : move.index;
}

// The rows of an input under the proposal: old channels, or slices where changed.
std::vector<const float*> input_rows(const UpdateInput& input, std::int64_t inputs, std::int64_t lanes) {
  std::vector<const float*> rows(static_cast<std::size_t>(inputs));
  for (std::int64_t i = 0; i < inputs; ++i)
    rows[DenseLayer::index(i)] = input.changed->all ? input.slices + i * lanes : input.old_values.channel(i);
  if (!input.changed->all)
    for (std::size_t k = 0; k < input.changed->channels.size(); ++k)
      rows[DenseLayer::index(input.changed->channels[k])] = input.slices + static_cast<std::int64_t>(k) * lanes;
  return rows;
}

void sum_anew(const UpdateArgs& args, const DenseLayer& layer, std::span<const std::int32_t> units, float* slices) {
  const std::int64_t lanes = args.old_output.lanes;
  const std::vector<const float*> x = input_rows(args.inputs.front(), layer.inputs, lanes);
  std::vector<const float*> weights;
  std::vector<float*> out;
  for (std::size_t k = 0; k < units.size(); ++k) {
    weights.push_back(layer.row(units[k]));
    out.push_back(slices + static_cast<std::int64_t>(k) * lanes);
  }
  const TrainKernels& kernels = train_kernels();
  kernels.dense(out.data(), weights.data(), x.data(), static_cast<std::int64_t>(units.size()), layer.inputs, lanes);
  for (std::size_t k = 0; k < units.size(); ++k)
    kernels.affine(out[k], out[k], layer.scale(units[k]), layer.bias(units[k]), lanes);
}

// out = base + scale·Σ (w' - w)·x[i] over the moved weights of a unit, as one short sum.
void add_many(const UpdateArgs& args, const DenseLayer& layer, std::int32_t unit, const float* base, float* out) {
  const std::int64_t lanes = args.old_output.lanes;
  std::vector<float> differences;
  std::vector<const float*> x;
  for (const WeightMove& move : args.moves) {
    if (move.array != 0 || unit_of(move, layer.inputs) != unit) continue;
    const std::int64_t i = move.index % layer.inputs;
    differences.push_back(layer.row(unit)[i] - move.old_value);
    x.push_back(args.inputs.front().old_values.channel(i));
  }
  const float* weights = differences.data();
  alignas(64) std::array<float, kMaxLanes> sum;
  float* to = sum.data();
  train_kernels().dense(&to, &weights, x.data(), 1, static_cast<std::int64_t>(x.size()), lanes);
  train_kernels().add_scaled(out, base, to, layer.scale(unit), lanes);
}

void update_unit(const UpdateArgs& args, const DenseLayer& layer, std::int32_t unit, float* out) {
  const std::int64_t lanes = args.old_output.lanes;
  float old_scale = layer.scale(unit);
  float old_bias = layer.bias(unit);
  std::int64_t kernel_moves = 0;
  for (const WeightMove& move : args.moves) {
    if (unit_of(move, layer.inputs) != unit) continue;
    if (move.array == 0) ++kernel_moves;
    if (move.array == layer.scale_array) old_scale = move.old_value;
    if (move.array == layer.bias_array) old_bias = move.old_value;
  }
  // Adding a difference touches memory twice as often as summing anew does. Dividing by a tiny scale loses digits.
  if (kernel_moves * 3 > layer.inputs || !(old_scale > 1e-6F)) return sum_anew(args, layer, {&unit, 1}, out);
  const TrainKernels& kernels = train_kernels();
  const float* base = args.old_output.channel(unit);
  const float scale = layer.scale(unit);
  if (scale != old_scale || layer.bias(unit) != old_bias) {
    const float ratio = scale / old_scale;
    kernels.affine(out, base, ratio, layer.bias(unit) - old_bias * ratio, lanes);
    base = out;
  }
  if (kernel_moves > 3) {
    add_many(args, layer, unit, base, out);
    return;
  }
  for (const WeightMove& move : args.moves) {
    if (move.array != 0 || unit_of(move, layer.inputs) != unit) continue;
    const std::int64_t i = move.index % layer.inputs;
    const float difference = scale * (layer.row(unit)[i] - move.old_value);
    kernels.add_scaled(out, base, args.inputs.front().old_values.channel(i), difference, lanes);
    base = out;
  }
  if (base != out) kernels.affine(out, base, 1.0F, 0.0F, lanes);  // nothing moved after all
}

void add_inputs(const UpdateArgs& args, const DenseLayer& layer) {
  const std::int64_t lanes = args.old_output.lanes;
  assert(lanes <= kMaxLanes);
  const TrainKernels& kernels = train_kernels();
  const UpdateInput& input = args.inputs.front();
  alignas(64) std::array<float, kMaxLanes> difference;
  for (std::size_t k = 0; k < input.changed->channels.size(); ++k) {
    const std::int32_t i = input.changed->channels[k];
    kernels.subtract(difference.data(), input.slices + static_cast<std::int64_t>(k) * lanes,
                     input.old_values.channel(i), lanes);
    for (std::int64_t u = 0; u < layer.units; ++u) {
      float* out = args.slices + u * lanes;
      const float* base = k == 0 ? args.old_output.channel(u) : out;
      kernels.add_scaled(out, base, difference.data(), layer.scale(u) * layer.row(u)[i], lanes);
    }
  }
}

}  // namespace

ChangedChannels reach_dense(const Params& params, std::span<const TensorType>, std::span<const ChangedChannels> inputs,
                            std::span<const WeightMove> moves, const LayerWeights* weights) {
  if (!inputs.front().none()) return {.all = true, .channels = {}};
  const std::int64_t fan_in = static_cast<std::int64_t>(weights->arrays[0].size()) / params.integer("units");
  ChangedChannels changed;
  for (const WeightMove& move : moves) changed.channels.push_back(static_cast<std::int32_t>(unit_of(move, fan_in)));
  std::sort(changed.channels.begin(), changed.channels.end());
  changed.channels.erase(std::unique(changed.channels.begin(), changed.channels.end()), changed.channels.end());
  return changed;
}

void update_dense(const UpdateArgs& args) {
  const DenseLayer layer = layer_of(args.params, *args.weights);
  const UpdateInput& input = args.inputs.front();
  if (input.changed->none()) {
    for (std::size_t k = 0; k < args.changed.channels.size(); ++k)
      update_unit(args, layer, args.changed.channels[k],
                  args.slices + static_cast<std::int64_t>(k) * args.old_output.lanes);
    return;
  }
  const bool few = !input.changed->all && static_cast<std::int64_t>(input.changed->channels.size()) * 3 < layer.inputs;
  if (few && args.moves.empty()) return add_inputs(args, layer);
  std::vector<std::int32_t> units(static_cast<std::size_t>(layer.units));
  for (std::int32_t u = 0; u < layer.units; ++u) units[DenseLayer::index(u)] = u;
  sum_anew(args, layer, units, args.slices);
}

}  // namespace cleave
