#include "ops/core/weight_grid.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace cleave {
namespace {

using Grid = WeightType::Grid;
const Shape kKernel = {4, 50};

TEST(WeightGrid, SmallGridsAreTheirNumbers) {
  EXPECT_EQ(to_text(kernel_grid({Grid::sign, 1}, kKernel)), "-1 or 1");
  EXPECT_EQ(to_text(kernel_grid({Grid::bit, 1}, kKernel)), "0 or 1");
  EXPECT_EQ(to_text(kernel_grid({Grid::ternary, 2}, kKernel)), "-1, 0 or 1");
  EXPECT_TRUE(kernel_grid({}, kKernel).is_real());
}

TEST(WeightGrid, AQuantizedGridIsSymmetricAndReachesFourDeviations) {
  const WeightGrid grid = kernel_grid({Grid::quantized, 8}, kKernel);
  EXPECT_EQ(grid.levels, 256);
  EXPECT_FLOAT_EQ(grid.value(255), 4 * 0.2F);  // sqrt(2/50) = 0.2
  for (std::int64_t level = 0; level < 128; ++level) EXPECT_EQ(grid.value(level), -grid.value(255 - level));
}

TEST(WeightGrid, WithAScaleTheFanInIsTheScales) {
  const WeightGrid grid = kernel_grid({Grid::quantized, 4, true}, kKernel);
  EXPECT_FLOAT_EQ(grid.value(15), static_cast<float>(4 * std::sqrt(2.0)));
}

TEST(WeightGrid, HoldsItsLevelsAndNothingElse) {
  for (const WeightType& type :
       {WeightType{Grid::sign, 1}, {Grid::bit, 1}, {Grid::ternary, 2}, {Grid::quantized, 16}}) {
    const WeightGrid grid = kernel_grid(type, kKernel);
    for (std::int64_t level = 0; level < grid.levels; ++level) {
      const float value = grid.value(level);
      ASSERT_TRUE(grid.holds(value));
      ASSERT_EQ(grid.nearest(value), level);
      ASSERT_FALSE(grid.holds(std::nextafter(value, 9.0F)));
    }
    EXPECT_FALSE(grid.holds(grid.value(grid.levels - 1) + static_cast<float>(grid.spacing)));
    EXPECT_FALSE(grid.holds(std::numeric_limits<float>::quiet_NaN()));
  }
}

}  // namespace
}  // namespace cleave
