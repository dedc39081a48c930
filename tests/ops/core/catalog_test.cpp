#include "ops/core/catalog.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

TEST(ClosestName, SwapsCountAsOneSlip) { EXPECT_EQ(closest_name("itertions", {"batch", "iterations"}), "iterations"); }

TEST(ClosestName, FarNamesAreNotSuggested) { EXPECT_EQ(closest_name("banana", {"conv2d", "dense"}), ""); }

TEST(ClosestName, TiesGoToTheEarlierName) { EXPECT_EQ(closest_name("pat", {"cat", "rat"}), "cat"); }

}  // namespace
}  // namespace cleave
