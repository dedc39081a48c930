#include "ops/core/op.h"

#include <limits>

#include <gtest/gtest.h>

namespace cleave {
namespace {

TEST(Cost, SumsStopAtTheLargestNumber) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  Cost sum{.mult_adds = kMost - 1, .binary_ops = 2, .bytes = 3};
  sum += {.mult_adds = 5, .binary_ops = 4, .bytes = kMost};
  EXPECT_EQ(sum, (Cost{.mult_adds = kMost, .binary_ops = 6, .bytes = kMost}));
}

}  // namespace
}  // namespace cleave
