// What is packed comes out the same, for values of the dtype.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "engine/runtime/shard.h"
#include "ops/core/half.h"
#include "ops/core/rng.h"

namespace cleave {
namespace {

constexpr std::int64_t kSamples = 3;

// Values that the dtype has.
Tensor values_of(DType dtype, std::int64_t size) {
  Tensor values(kSamples, {size});
  Rng rng(static_cast<std::uint64_t>(size), kTestStream, 0);
  for (float& value : values.data) {
    value = static_cast<float>(rng.normal());
    if (dtype == DType::bit) value = value < 0 ? -1.0F : 1.0F;
    if (dtype == DType::i8) value = std::round(std::clamp(40 * value, -128.0F, 127.0F));
  }
  if (dtype == DType::f16) round_to_f16(values.data);
  return values;
}

std::vector<std::byte> packed(const Tensor& values, DType dtype) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(values.batch * byte_count(dtype, element_count(values.shape))));
  pack_samples(values.view(), dtype, bytes);
  return bytes;
}

class PackSamples : public ::testing::TestWithParam<DType> {};

TEST_P(PackSamples, ComesOutTheSame) {
  for (const std::int64_t size : {1, 7, 8, 9, 64, 1000, 3001}) {
    const Tensor values = values_of(GetParam(), size);
    Tensor back(kSamples, {size});
    unpack_samples(packed(values, GetParam()), GetParam(), back.view());
    EXPECT_EQ(back.data, values.data) << to_text(GetParam()) << " " << size;
  }
}

INSTANTIATE_TEST_SUITE_P(Every, PackSamples, ::testing::Values(DType::f32, DType::f16, DType::i8, DType::bit));

TEST(PackBits, TheFirstOfASampleIsTheLowestBitAndSamplesFillWholeBytes) {
  Tensor values(2, {9});
  values.data = {1, -1, 1, -1, -1, -1, -1, 1, 1, -1, 1, -1, -1, -1, -1, -1, -1, -1};
  EXPECT_EQ(packed(values, DType::bit),
            (std::vector<std::byte>{std::byte{0x85}, std::byte{1}, std::byte{2}, std::byte{0}}));
}

TEST(PackHalves, AreTheBitsOfTheStandard) {
  Tensor values(1, {3});
  values.data = {1, -2, 65504};
  EXPECT_EQ(packed(values, DType::f16), (std::vector<std::byte>{std::byte{0}, std::byte{0x3c}, std::byte{0},
                                                                std::byte{0xc0}, std::byte{0xff}, std::byte{0x7b}}));
}

TEST(PackI8, ValuesBeyondTheRangeBecomeItsEnds) {
  Tensor values(1, {4}), back(1, {4});
  values.data = {300, -300, std::nanf(""), 2.5F};
  unpack_samples(packed(values, DType::i8), DType::i8, back.view());
  EXPECT_EQ(back.data, (std::vector<float>{127, -128, 0, 2}));
}

}  // namespace
}  // namespace cleave
