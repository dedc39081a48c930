// int8 layers of every instruction set against plain integer sums: every bit has to agree.
#include "ops/defs/int8_layer.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "ops/core/catalog.h"
#include "ops/core/rng.h"
#include "tests/ops/defs/word_cases.h"

namespace cleave {
namespace {

constexpr const char* kIsas[] = {"baseline", "avx2", "avx512", "avx512_vnni", "neon"};

// Whole numbers, of which every filter has one of 127: its scale is 1.
WordCase random_case(Rng& rng) {
  const auto whole = [&] { return static_cast<float>(rng.below(255) - 127); };
  WordCase c = random_word_case(rng, whole, whole);
  for (std::size_t f = 0; f < c.scale.size(); ++f) c.kernel[f * static_cast<std::size_t>(c.conv.taps())] = 127;
  return c;
}

std::vector<float> compute(const WordCase& c, const Int8Kernels& kernels, float input_scale, const Parallel* parallel) {
  const LineBytes panel = pack_int8(c.conv, kernels, c.layer(), input_scale);
  std::vector<float> scratch(static_cast<std::size_t>(int8_scratch(c.conv, kernels)), -7.0F);
  std::vector<float> output(c.output_size(), -7.0F);
  WordJob job = c.job(output.data());
  job.parallel = parallel;
  forward_int8(c.conv, panel, job, scratch);
  return output;
}

class Int8Layers : public testing::TestWithParam<const char*> {
 protected:
  const Int8Kernels* kernels = int8_kernels_for(GetParam());
};

TEST_P(Int8Layers, GiveTheExactSumsOfRandomShapes) {
  if (kernels == nullptr) GTEST_SKIP() << "not on this processor";
  Rng rng(1, kTestStream, 0);
  for (int i = 0; i < shapes_to_try(); ++i) {
    const WordCase c = random_case(rng);
    ASSERT_EQ(compute(c, *kernels, 1, nullptr), c.expected()) << c.text();
  }
}

TEST_P(Int8Layers, HoldTheLargestSumsThereAre) {
  if (kernels == nullptr) GTEST_SKIP() << "not on this processor";
  WordCase c;
  c.conv = dense_convolution(kMostInt8Products, 1, 1);
  c.input.assign(static_cast<std::size_t>(kMostInt8Products), -127);
  c.kernel.assign(c.input.size(), 127);
  c.scale = {1};
  c.bias = {0};
  EXPECT_EQ(compute(c, *kernels, 1, nullptr), c.expected());
}

TEST_P(Int8Layers, GiveTheSameBitsInAnyNumberOfParts) {
  if (kernels == nullptr) GTEST_SKIP() << "not on this processor";
  Rng rng(2, kTestStream, 0);
  for (int i = 0; i < 50; ++i) {
    const WordCase c = random_case(rng);
    ASSERT_EQ(compute(c, *kernels, 0.7F, &kBackwards), compute(c, *kernels, 0.7F, nullptr)) << c.text();
  }
}

// Halves go to the even neighbour; what lies beyond 127 is 127; a NaN is 0.
TEST_P(Int8Layers, RoundTheirInputsToTheNearestByte) {
  if (kernels == nullptr) GTEST_SKIP() << "not on this processor";
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  WordCase c;
  c.conv = dense_convolution(1, 1, 12);
  c.input = {0, 0.24F, 0.25F, 0.26F, 0.75F, -0.25F, -0.75F, 63.6F, -1e30F, kInfinity, -kInfinity, std::nanf("")};
  c.kernel = c.scale = {1};
  c.bias = {0};
  const std::vector<float> whole = {0, 0, 0, 1, 2, 0, -2, 127, -127, 127, -127, 0};
  std::vector<float> wanted;
  const float scale = 0.5F * int8_scale(c.kernel.data(), 1);
  for (const float value : whole) wanted.push_back(value * 127 * scale);
  EXPECT_EQ(compute(c, *kernels, 0.5F, nullptr), wanted);
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, Int8Layers, testing::ValuesIn(kIsas),
                         [](const testing::TestParamInfo<const char*>& isa) { return std::string(isa.param); });

TEST(Int8Weights, AreMultiplesOfTheLargestOver127) {
  const std::vector<float> filter = {0.5F, -1.27F, 0.004F, 0};
  const float scale = int8_scale(filter.data(), 4);
  EXPECT_FLOAT_EQ(scale, 0.01F);
  EXPECT_EQ(int8_value(filter[0], scale), 50);
  EXPECT_EQ(int8_value(filter[1], scale), -127);
  EXPECT_EQ(int8_value(filter[2], scale), 0);
  EXPECT_EQ(int8_scale(&filter[3], 1), 1.0F);
}

}  // namespace
}  // namespace cleave
