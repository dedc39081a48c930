#include "engine/runtime/calibration.h"

#include <array>

#include <gtest/gtest.h>

namespace cleave {
namespace {

Calibration of(double probability, int right, int wrong) {
  Calibration calibration;
  const std::array<double, 2> probabilities{probability, 1 - probability};
  for (int i = 0; i < right; ++i) calibration.add(probabilities, 0, 0);
  for (int i = 0; i < wrong; ++i) calibration.add(probabilities, 0, 1);
  return calibration;
}

TEST(Calibration, IsPerfectWhenAnswersAreRightAsOftenAsTheyAreProbable) {
  EXPECT_NEAR(of(0.75, 3, 1).expected_error(), 0, 1e-12);
  EXPECT_NEAR(of(0.75, 4, 0).expected_error(), 0.25, 1e-12);
  EXPECT_NEAR(of(0.75, 0, 4).expected_error(), 0.75, 1e-12);
}

TEST(Calibration, WeighsBinsByTheirSamplesAndOppositeErrorsInOneBinCancel) {
  Calibration calibration = of(0.99, 8, 0);  // 1 − 0.99 in the last bin
  const std::array<double, 2> unsure{0.55, 0.45};
  for (const std::int32_t label : {1, 1}) calibration.add(unsure, 0, label);  // 0.55 − 0
  EXPECT_NEAR(calibration.expected_error(), 0.8 * 0.01 + 0.2 * 0.55, 1e-12);
}

// Brier's score of a forecast is 0 when it is sure and right, 2 when it is sure and wrong.
TEST(Calibration, BrierIsTheMeanSquaredDistanceOfAllClasses) {
  EXPECT_EQ(of(1, 5, 0).brier(), 0);
  EXPECT_EQ(of(1, 0, 5).brier(), 2);
  EXPECT_NEAR(of(0.75, 1, 1).brier(), (2 * 0.0625 + 2 * 0.5625) / 2, 1e-12);
}

TEST(Calibration, ABinHoldsItsUpperEnd) {
  const Calibration calibration = of(0.6, 1, 0);  // 9/15
  EXPECT_EQ(calibration.bins[8].samples, 1);
  EXPECT_EQ(of(1, 1, 0).bins[14].samples, 1);
  const Calibration none;
  EXPECT_EQ(none.brier(), 0);
  EXPECT_EQ(none.expected_error(), 0);
}

}  // namespace
}  // namespace cleave
