// A dense layer under a proposal, out[u] = scale[u]·Σ_i w[u,i]·x[i] + bias[u]:
//   a few weights of a unit    out' = (out - bias)·scale'/scale + bias' + scale'·Σ (w' - w)·x[i]
//   a few inputs               out'[u] = out[u] + scale[u]·Σ_k w[u,k]·(x'[k] - x[k])
//   otherwise                  the unit's sum anew
#include <algorithm>
#include <array>
#include <cassert>
#include <vector>

#include "ops/defs/layer_arrays.h"
#include "ops/defs/update.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {

namespace {

// Terms that are added up in registers before they are added to memory.
constexpr std::size_t kTerms = 64;
// Floats of the changed inputs' differences, and of the sums of a group of units, that are held at a time.
constexpr std::int64_t kHeld = 4096;
constexpr std::int64_t kUnits = 16;

struct DenseLayer {
  MovedLayer arrays;
  std::int64_t units = 0;
  std::int64_t inputs = 0;

  const float* row(std::int64_t u) const { return arrays.kernel + u * inputs; }
};

DenseLayer layer_of(const UpdateArgs& args) {
  return {moved_layer(args.params, *args.weights), args.old_output.channels, args.inputs.front().old_values.channels};
}

// The rows of an input under the proposal: old channels, or slices where changed.
std::vector<const float*> input_rows(const UpdateInput& input, std::int64_t inputs, std::int64_t lanes) {
  std::vector<const float*> rows(static_cast<std::size_t>(inputs));
  const float* first = input.changed->all ? input.slices : input.old_values.data;
  for (const float*& row : rows) {
    row = first;
    first += lanes;
  }
  if (!input.changed->all)
    for (std::size_t k = 0; k < input.changed->channels.size(); ++k)
      rows[static_cast<std::size_t>(input.changed->channels[k])] = input.slices + static_cast<std::int64_t>(k) * lanes;
  return rows;
}

void sum_anew(const UpdateArgs& args, const DenseLayer& layer, std::int64_t first, std::int64_t units, float* slices) {
  const std::int64_t lanes = args.old_output.lanes;
  const std::vector<const float*> x = input_rows(args.inputs.front(), layer.inputs, lanes);
  const TrainKernels& kernels = train_kernels();
  std::array<const float*, kUnits> weights;
  std::array<float*, kUnits> out;
  for (std::int64_t done = 0; done < units;) {
    const std::int64_t count = std::min(kUnits, units - done);
    for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k) {
      weights[k] = layer.row(first + done + static_cast<std::int64_t>(k));
      out[k] = slices + (done + static_cast<std::int64_t>(k)) * lanes;
    }
    kernels.dense(out.data(), weights.data(), x.data(), count, layer.inputs, lanes);
    for (std::int64_t k = 0; k < count; ++k, ++done)
      kernels.affine(out[static_cast<std::size_t>(k)], out[static_cast<std::size_t>(k)],
                     layer.arrays.scale_of(first + done), layer.arrays.bias_of(first + done), lanes);
  }
}

// out = base + scale·Σ (w' - w)·x[i] over moved weights of a unit; there is at least one.
void add_moves(const UpdateArgs& args, const DenseLayer& layer, std::int32_t unit, std::span<const WeightMove> moves,
               const float* base, float* out) {
  const std::int64_t lanes = args.old_output.lanes;
  const float* row = layer.row(unit);
  const std::int64_t begin = unit * layer.inputs;
  std::array<float, kTerms> differences;
  std::array<const float*, kTerms> x;
  alignas(64) std::array<float, kMaxLanes> sum;
  float* to = sum.data();
  const float* weights = differences.data();
  for (; !moves.empty(); base = out) {
    const std::size_t count = std::min(kTerms, moves.size());
    for (std::size_t k = 0; k < count; ++k) {
      const std::int64_t i = moves[k].index - begin;
      differences[k] = row[i] - moves[k].old_value;
      x[k] = args.inputs.front().old_values.channel(i);
    }
    moves = moves.subspan(count);
    if (count == 1) {
      train_kernels().add_scaled(out, base, x[0], layer.arrays.scale_of(unit) * differences[0], lanes);
      continue;
    }
    train_kernels().dense(&to, &weights, x.data(), 1, static_cast<std::int64_t>(count), lanes);
    train_kernels().add_scaled(out, base, to, layer.arrays.scale_of(unit), lanes);
  }
}

// Fetches the inputs of all moved weights: they lie far apart, and are on their way at once.
void prefetch(const UpdateArgs& args, const DenseLayer& layer) {
  std::int64_t begin = 0;
  for (const WeightMove& move : args.moves) {
    if (move.array != 0) return;
    while (move.index >= begin + layer.inputs) begin += layer.inputs;
    __builtin_prefetch(args.inputs.front().old_values.channel(move.index - begin));
  }
}

void update_unit(const UpdateArgs& args, const DenseLayer& layer, std::int32_t unit, float* out) {
  const std::span<const WeightMove> moves = moves_of(args.moves, 0, unit, layer.inputs);
  const RowChange change = row_change(layer.arrays, args.moves, unit);
  // Adding a difference touches memory twice as often as summing anew does.
  if (static_cast<std::int64_t>(moves.size()) * 3 > layer.inputs || !change.exact)
    return sum_anew(args, layer, unit, 1, out);
  const float* base = args.old_output.channel(unit);
  if (moves.empty() || change.ratio != 1.0F || change.offset != 0.0F) {
    train_kernels().affine(out, base, change.ratio, change.offset, args.old_output.lanes);
    base = out;
  }
  if (!moves.empty()) add_moves(args, layer, unit, moves, base, out);
}

// The change of one input, added to all units.
void add_input(const UpdateArgs& args, const DenseLayer& layer, std::int64_t input, const float* difference,
               bool is_first) {
  const std::int64_t lanes = args.old_output.lanes;
  for (std::int64_t u = 0; u < layer.units; ++u) {
    float* out = args.slices + u * lanes;
    train_kernels().add_scaled(out, is_first ? args.old_output.channel(u) : out, difference,
                               layer.arrays.scale_of(u) * layer.row(u)[input], lanes);
  }
}

// Adds what neighbouring inputs from `first` on changed, given as rows of differences, to all units.
void add_run(const UpdateArgs& args, const DenseLayer& layer, std::int64_t first, std::span<const float* const> rows) {
  const std::int64_t lanes = args.old_output.lanes;
  const TrainKernels& kernels = train_kernels();
  const std::int64_t group = std::min(kUnits, kHeld / lanes);
  alignas(64) std::array<float, kHeld> sums;
  std::array<const float*, kUnits> weights;
  std::array<float*, kUnits> to;
  for (std::int64_t u = 0; u < layer.units; u += group) {
    const std::int64_t count = std::min(group, layer.units - u);
    for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k) {
      weights[k] = layer.row(u + static_cast<std::int64_t>(k)) + first;
      to[k] = sums.data() + static_cast<std::int64_t>(k) * lanes;
    }
    kernels.dense(to.data(), weights.data(), rows.data(), count, static_cast<std::int64_t>(rows.size()), lanes);
    for (std::int64_t k = 0; k < count; ++k)
      kernels.axpy(args.slices + (u + k) * lanes, to[static_cast<std::size_t>(k)], layer.arrays.scale_of(u + k), lanes);
  }
}

void add_inputs(const UpdateArgs& args, const DenseLayer& layer) {
  const std::int64_t lanes = args.old_output.lanes;
  assert(lanes <= kMaxLanes);
  const UpdateInput& input = args.inputs.front();
  const std::vector<std::int32_t>& channels = input.changed->channels;
  alignas(64) std::array<float, kHeld> differences;
  std::array<const float*, kTerms> rows;
  const auto most = static_cast<std::size_t>(std::min<std::int64_t>(kHeld / lanes, kTerms));
  const bool few = channels.size() < 4;
  if (!few) std::copy_n(args.old_output.data, args.old_output.size(), args.slices);
  for (std::size_t k = 0; k < channels.size();) {
    const std::int32_t first = channels[k];
    std::size_t count = 0;
    for (; count < most && k < channels.size() && channels[k] == first + static_cast<std::int32_t>(count);
         ++count, ++k) {
      float* row = differences.data() + static_cast<std::int64_t>(count) * lanes;
      train_kernels().subtract(row, input.slices + static_cast<std::int64_t>(k) * lanes,
                               input.old_values.channel(channels[k]), lanes);
      rows[count] = row;
    }
    if (!few) add_run(args, layer, first, std::span(rows).first(count));
    for (std::size_t i = 0; few && i < count; ++i)
      add_input(args, layer, first + static_cast<std::int32_t>(i), rows[i], k == count && i == 0);
  }
}

}  // namespace

ChangedChannels reach_dense(const Params&, std::span<const TensorType> types, std::span<const ChangedChannels> inputs,
                            std::span<const WeightMove> moves, const LayerWeights*) {
  if (!inputs.front().none()) return {.all = true, .channels = {}};
  return moved_filters(moves, types.front().shape.front());
}

void update_dense(const UpdateArgs& args) {
  const DenseLayer layer = layer_of(args);
  const UpdateInput& input = args.inputs.front();
  if (input.changed->none()) {
    prefetch(args, layer);
    const std::int64_t count = slice_count(args.changed, layer.units);
    for (std::int64_t k = 0; k < count; ++k)
      update_unit(args, layer, changed_channel(args.changed, k), args.slices + k * args.old_output.lanes);
    return;
  }
  const bool few = !input.changed->all && static_cast<std::int64_t>(input.changed->channels.size()) * 3 < layer.inputs;
  if (few && args.moves.empty()) return add_inputs(args, layer);
  sum_anew(args, layer, 0, layer.units, args.slices);
}

}  // namespace cleave
