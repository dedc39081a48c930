#include <gtest/gtest.h>

#include "ops/core/catalog.h"
#include "tests/ops/defs/backward_check.h"

namespace cleave {
namespace {

// The slope of relu, right up to the factor.
template <int kFactor>
void relu_backward(const BackwardArgs& args) {
  for (std::int64_t i = 0; i < args.gradient.size(); ++i)
    if (args.inputs[0].data[i] > 0) args.input_gradients[0][i] += args.gradient.data[i] * kFactor;
}

// Of a few values only: so with several seeds.
std::string relu_fault(decltype(OpDef::backward) backward) {
  OpDef op = *find(op_catalog(), "relu");
  op.backward = backward;
  std::string fault;
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U, 6U})
    fault += backward_fault(op, {{}, {{DType::f32, {6, 3, 5}}}}, {}, seed);
  return fault;
}

TEST(BackwardCheck, FindsWrongSlopes) { EXPECT_NE(relu_fault(relu_backward<2>), ""); }

TEST(BackwardCheck, AcceptsRightSlopes) { EXPECT_EQ(relu_fault(relu_backward<1>), ""); }

TEST(OpCatalog, BackwardEqualsCentralDifferences) {
  for (const OpDef& op : op_catalog())
    for (const OpSample& sample : op.backward == nullptr ? std::vector<OpSample>{} : op_samples(op.name))
      ASSERT_EQ(backward_fault(op, sample, {}, 1), "") << to_text(op.name, sample);
}

TEST(OpCatalog, BackwardGoesThroughScalesOfFilters) {
  for (const OpDef& op : op_catalog()) {
    if (op.backward == nullptr || op.weights == nullptr) continue;
    const std::vector<OpSample> samples = op_samples(op.name);
    for (std::size_t i = 0; i < samples.size(); i += 7)
      ASSERT_EQ(backward_fault(op, samples[i], {WeightType::Grid::real, 32, true}, 2), "")
          << to_text(op.name, samples[i]);
  }
}

TEST(OpCatalog, WhatHasNoSlopeHasNoBackward) { EXPECT_EQ(find(op_catalog(), "sign")->backward, nullptr); }

}  // namespace
}  // namespace cleave
