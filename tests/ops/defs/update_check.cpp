#include "tests/ops/defs/update_check.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "ops/core/rng.h"

namespace cleave {

namespace {

constexpr std::int64_t kBatch = 13;
constexpr std::int64_t kLanes = kLaneMultiple;  // the last three lanes stand for no image

struct Block {
  std::vector<float> data;
  BlockView view;

  ConstBlockView values() const { return {view.channels, view.pixels, view.lanes, data.data()}; }
};

Block block_of(const Tensor& tensor) {
  Block block;
  block.view = {channels_of(tensor.shape), pixels_of(tensor.shape), kLanes, nullptr};
  block.data.resize(static_cast<std::size_t>(block.view.size()));
  block.view.data = block.data.data();
  to_block(tensor.view(), 0, block.view);
  return block;
}

std::vector<std::int32_t> channels_in(const ChangedChannels& changed, std::int64_t channels) {
  if (!changed.all) return changed.channels;
  std::vector<std::int32_t> every(static_cast<std::size_t>(channels));
  for (std::size_t c = 0; c < every.size(); ++c) every[c] = static_cast<std::int32_t>(c);
  return every;
}

// Gives every image new values in the changed channels; ±1 stay ±1.
void change_channels(Tensor& tensor, DType dtype, const std::vector<std::int32_t>& channels, Rng& rng) {
  const std::int64_t count = channels_of(tensor.shape);
  for (std::int64_t pixel = 0; pixel < tensor.batch * pixels_of(tensor.shape); ++pixel)
    for (const std::int32_t c : channels) {
      float& value = tensor.data[static_cast<std::size_t>(pixel * count + c)];
      value = dtype == DType::bit ? -value : static_cast<float>(rng.normal());
    }
}

ChangedChannels draw_channels(std::int64_t wanted, std::int64_t channels, Rng& rng) {
  ChangedChannels changed;
  for (std::int64_t i = 0; i < wanted; ++i) changed.channels.push_back(static_cast<std::int32_t>(rng.below(channels)));
  std::sort(changed.channels.begin(), changed.channels.end());
  changed.channels.erase(std::unique(changed.channels.begin(), changed.channels.end()), changed.channels.end());
  return changed;
}

// Moves weights to new values of their kind: grids change sign or swap 0 and 1.
std::vector<WeightMove> move_weights(LayerWeights& weights, std::int64_t count, Rng& rng) {
  std::vector<WeightMove> moves;
  for (std::int64_t i = 0; i < count && !weights.arrays.empty(); ++i) {
    const std::int64_t array = rng.below(static_cast<std::int64_t>(weights.arrays.size()));
    std::vector<float>& values = weights.arrays[static_cast<std::size_t>(array)];
    const std::int64_t index = rng.below(static_cast<std::int64_t>(values.size()));
    const auto same = [&](const WeightMove& m) { return m.array == array && m.index == index; };
    if (std::any_of(moves.begin(), moves.end(), same)) continue;
    float& value = values[static_cast<std::size_t>(index)];
    moves.push_back({static_cast<std::int32_t>(array), index, value});
    const bool grid = array == 0 && weights.type.grid != WeightType::Grid::real;
    if (!grid) value = static_cast<float>(0.5 + rng.uniform());
    else value = weights.type.grid == WeightType::Grid::bit ? 1 - value : -value;
  }
  std::sort(moves.begin(), moves.end(), [](const WeightMove& a, const WeightMove& b) {
    return a.array != b.array ? a.array < b.array : a.index < b.index;
  });
  return moves;
}

// Copies the channels out of a block: [k][pixels][lanes].
std::vector<float> slices_of(const Block& block, const std::vector<std::int32_t>& channels) {
  std::vector<float> slices;
  for (const std::int32_t c : channels) {
    const float* from = block.values().channel(c);
    slices.insert(slices.end(), from, from + block.view.channel_size());
  }
  return slices;
}

std::string first_difference(const ConstBlockView& got, const ConstBlockView& wanted) {
  for (std::int64_t i = 0; i < wanted.size(); ++i) {
    if (i % kLanes >= kBatch) continue;
    const float scale = std::max(1.0F, std::abs(wanted.data[i]));
    if (!(std::abs(got.data[i] - wanted.data[i]) <= 1e-4F * scale))
      return fmt::format("channel {} is {} instead of {}", i / wanted.channel_size(), got.data[i], wanted.data[i]);
  }
  return "";
}

// A proposal on one node: everything `reach` and `update` are given.
struct Proposal {
  std::vector<Tensor> inputs;  // under the proposal
  LayerWeights weights;        // under the proposal
  std::vector<WeightMove> moves;
  std::vector<ChangedChannels> changed;
  std::vector<Block> old_inputs;
  std::vector<std::vector<float>> slices;
};

Proposal propose(const OpDef& op, const OpSample& sample, const Change& change, std::uint64_t seed) {
  Rng rng(seed, kTestStream, 2000);
  Proposal proposal{random_inputs(sample, kBatch, seed), random_layer(op, sample, {}, seed), {}, {}, {}, {}};
  proposal.moves = move_weights(proposal.weights, change.moves, rng);
  for (std::size_t i = 0; i < proposal.inputs.size(); ++i) {
    Tensor& input = proposal.inputs[i];
    const std::int64_t count = channels_of(input.shape);
    ChangedChannels changed = draw_channels(i == 0 ? change.channels : 0, count, rng);
    if (change.all_inputs) changed = {.all = true, .channels = {}};
    const std::vector<std::int32_t> channels = channels_in(changed, count);
    proposal.old_inputs.push_back(block_of(input));
    change_channels(input, sample.inputs[i].dtype, channels, rng);
    proposal.slices.push_back(slices_of(block_of(input), channels));
    proposal.changed.push_back(changed);
  }
  return proposal;
}

// Returns the old output with the channels that `update` recomputed put in.
Block updated_output(const OpDef& op, const OpSample& sample, const Proposal& proposal, Block output) {
  const LayerWeights* weights = op.weights == nullptr ? nullptr : &proposal.weights;
  const ChangedChannels reached = op.reach(sample.params, sample.inputs, proposal.changed, proposal.moves, weights);
  const std::vector<std::int32_t> channels = channels_in(reached, output.view.channels);
  std::vector<UpdateInput> inputs;
  for (std::size_t i = 0; i < proposal.inputs.size(); ++i)
    inputs.push_back({proposal.old_inputs[i].values(), &proposal.changed[i], proposal.slices[i].data()});
  std::vector<float> slices(channels.size() * static_cast<std::size_t>(output.view.channel_size()),
                            std::numeric_limits<float>::quiet_NaN());
  op.update({sample.params, sample.inputs, inputs, weights, proposal.moves, output.values(), reached, slices.data()});
  for (std::size_t k = 0; k < channels.size(); ++k)
    std::copy_n(slices.data() + static_cast<std::int64_t>(k) * output.view.channel_size(), output.view.channel_size(),
                output.view.channel(channels[k]));
  return output;
}

}  // namespace

std::string update_fault(const OpDef& op, const OpSample& sample, const Change& change, std::uint64_t seed) {
  const Tensor old_output = run_op(op, sample, random_layer(op, sample, {}, seed), random_inputs(sample, kBatch, seed));
  const Proposal proposal = propose(op, sample, change, seed);
  const Tensor new_output = run_op(op, sample, proposal.weights, proposal.inputs);
  const Block updated = updated_output(op, sample, proposal, block_of(old_output));
  return first_difference(updated.values(), block_of(new_output).values());
}

}  // namespace cleave
