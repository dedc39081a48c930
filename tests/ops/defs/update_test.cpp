#include <algorithm>

#include <gtest/gtest.h>

#include "ops/core/catalog.h"
#include "tests/ops/defs/update_check.h"

namespace cleave {
namespace {

using Samples = std::vector<OpSample>;

// An elementwise op's update, right up to the factor.
template <int kFactor>
void relu_update(const UpdateArgs& args) {
  const UpdateInput& input = args.inputs.front();
  const std::int64_t channels =
      input.changed->all ? input.old_values.channels : static_cast<std::int64_t>(input.changed->channels.size());
  for (std::int64_t i = 0; i < channels * input.old_values.channel_size(); ++i)
    args.slices[i] = std::max(0.0F, input.slices[i]) * kFactor;
}

ChangedChannels reach_same(const Params&, std::span<const TensorType>, std::span<const ChangedChannels> inputs,
                           std::span<const WeightMove>, const LayerWeights*) {
  return inputs.front();
}

ChangedChannels reach_nothing(const Params&, std::span<const TensorType>, std::span<const ChangedChannels>,
                              std::span<const WeightMove>, const LayerWeights*) {
  return {};
}

void update_nothing(const UpdateArgs&) {}

std::string relu_fault(decltype(OpDef::reach) reach, decltype(OpDef::update) update) {
  OpDef op = *find(op_catalog(), "relu");
  op.reach = reach;
  op.update = update;
  return update_fault(op, {{}, {{DType::f32, {6, 3, 5}}}}, {.channels = 3}, 1);
}

TEST(UpdateCheck, FindsWrongValues) { EXPECT_NE(relu_fault(reach_same, relu_update<2>), ""); }

TEST(UpdateCheck, FindsChannelsNotReached) { EXPECT_NE(relu_fault(reach_nothing, update_nothing), ""); }

TEST(UpdateCheck, AcceptsARightUpdate) { EXPECT_EQ(relu_fault(reach_same, relu_update<1>), ""); }

TEST(OpCatalog, UpdateGoesWithReach) {
  for (const OpDef& op : op_catalog()) EXPECT_EQ(op.update == nullptr, op.reach == nullptr) << op.name;
}

TEST(OpCatalog, UpdateEqualsForwardAfterTheChange) {
  const std::vector<Change> changes{{},
                                    {.channels = 1},
                                    {.channels = 4},
                                    {.all_inputs = true},
                                    {.moves = 1},
                                    {.moves = 6},
                                    {.channels = 2, .moves = 3},
                                    {.all_inputs = true, .moves = 2}};
  for (const OpDef& op : op_catalog()) {
    const Samples samples = op.update == nullptr ? Samples{} : op_samples(op.name);
    const std::size_t step = samples.size() > 200 ? 4 : 1;  // a thousand convolutions take the changes in turn
    for (std::size_t s = 0; s < samples.size(); ++s)
      for (std::size_t i = s % step; i < changes.size(); i += step)
        ASSERT_EQ(update_fault(op, samples[s], changes[i], i), "") << to_text(op.name, samples[s]) << ", change " << i;
  }
}

}  // namespace
}  // namespace cleave
