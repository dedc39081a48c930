#include "ops/core/half.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace cleave {
namespace {

float rounded(float value) {
  round_to_f16({&value, 1});
  return value;
}

TEST(Half, RoundsToTheNearestTiesToEven) {
  EXPECT_EQ(rounded(0.1F), 0.0999755859375F);
  EXPECT_EQ(rounded(1 + 1 / 2048.0F), 1.0F);             // half way: to the even fraction below
  EXPECT_EQ(rounded(1 + 3 / 2048.0F), 1 + 4 / 2048.0F);  // half way: to the even fraction above
  EXPECT_EQ(rounded(-1.00049F), -1 - 2 / 2048.0F);       // just beyond half way
}

TEST(Half, KeepsSmallNumbersAndBoundsLargeOnes) {
  EXPECT_EQ(rounded(std::ldexp(1.0F, -24)), std::ldexp(1.0F, -24));  // the smallest one
  EXPECT_EQ(rounded(std::ldexp(1.0F, -26)), 0.0F);
  EXPECT_EQ(rounded(65504.0F), 65504.0F);
  EXPECT_EQ(rounded(-1e9F), -65504.0F);
  EXPECT_EQ(rounded(std::numeric_limits<float>::infinity()), 65504.0F);
  EXPECT_TRUE(std::isnan(rounded(std::nanf(""))));
}

TEST(Half, RoundingTwiceChangesNothing) {
  for (float value = -70000; value < 70000; value += 1.37F) ASSERT_EQ(rounded(rounded(value)), rounded(value));
}

}  // namespace
}  // namespace cleave
