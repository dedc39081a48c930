#include "engine/data/fill.h"

#include <gtest/gtest.h>

namespace cleave {
namespace {

// Two images of 2 channels, 1 row, 3 columns.
Dataset byte_images() {
  Dataset set;
  set.name = "set";
  set.shape = {2, 1, 3};
  set.count = 2;
  set.bytes = {0, 51, 102, 153, 204, 255, 255, 0, 0, 0, 0, 255};
  return set;
}

Dataset float_vectors() {
  Dataset set;
  set.name = "set";
  set.shape = {2};
  set.count = 2;
  set.values = {0.0F, 1.0F, -0.5F, 2.0F};
  return set;
}

std::vector<float> filled(const Dataset& set, const InputSpec& input, const std::vector<std::int64_t>& picks) {
  Tensor out(static_cast<std::int64_t>(picks.size()), input.shape);
  fill_batch(set, input, picks, out.view());
  return out.data;
}

InputSpec input_of(const Shape& shape) {
  InputSpec input;
  input.shape = shape;
  return input;
}

TEST(FillBatch, ImagesStandChannelsLastFromZeroToOne) {
  EXPECT_EQ(filled(byte_images(), input_of({2, 1, 3}), {0}), (std::vector<float>{0, 0.6F, 0.2F, 0.8F, 0.4F, 1}));
}

TEST(FillBatch, VectorsTakeImagesInOrderOfChannels) {
  EXPECT_EQ(filled(byte_images(), input_of({6}), {0}), (std::vector<float>{0, 0.2F, 0.4F, 0.6F, 0.8F, 1}));
}

TEST(FillBatch, PicksMayRepeatAndTurnAround) {
  EXPECT_EQ(filled(byte_images(), input_of({6}), {1, 0, 1}),
            (std::vector<float>{1, 0, 0, 0, 0, 1, 0, 0.2F, 0.4F, 0.6F, 0.8F, 1, 1, 0, 0, 0, 0, 1}));
}

TEST(FillBatch, ScaleMapsOntoTheRange) {
  InputSpec input = input_of({6});
  input.low = -1;
  input.high = 1;
  EXPECT_EQ(filled(byte_images(), input, {1}), (std::vector<float>{1, -1, -1, -1, -1, 1}));
}

TEST(FillBatch, NormalizeIsPerChannel) {
  InputSpec input = input_of({2, 1, 3});
  input.mean = {0.5, 0};
  input.std = {0.25, 0.5};
  EXPECT_EQ(filled(byte_images(), input, {1}), (std::vector<float>{2, 0, -2, 0, -2, 2}));
}

TEST(FillBatch, ThresholdIsInclusive) {
  InputSpec input = input_of({6});
  input.threshold = 0.4;  // 102 / 255
  EXPECT_EQ(filled(byte_images(), input, {0}), (std::vector<float>{0, 0, 1, 1, 1, 1}));
}

TEST(FillBatch, FloatsAreUnchangedByDefault) {
  EXPECT_EQ(filled(float_vectors(), input_of({2}), {1, 0}), (std::vector<float>{-0.5F, 2, 0, 1}));
}

TEST(FillBatch, FloatsScaleFromZeroToOne) {
  InputSpec input = input_of({2});
  input.low = -1;
  input.high = 1;
  EXPECT_EQ(filled(float_vectors(), input, {0, 1}), (std::vector<float>{-1, 1, -2, 3}));
}

TEST(CheckInput, NamesBothShapes) {
  EXPECT_EQ(check_input(byte_images(), input_of({2, 1, 3})), "");
  EXPECT_EQ(check_input(byte_images(), input_of({6})), "");
  EXPECT_EQ(check_input(byte_images(), input_of({2, 3, 1})),
            "the data set set has 2x1x3 samples, the network's input is 2x3x1");
  EXPECT_EQ(check_input(float_vectors(), input_of({3})), "the data set set has 2 samples, the network's input is 3");
}

TEST(CheckInput, NormalizeMustFitTheChannels) {
  InputSpec input = input_of({2, 1, 3});
  input.mean = {0, 0, 0};
  input.std = {1, 1, 1};
  EXPECT_EQ(check_input(byte_images(), input), "normalize has 3 entries, the data set set has 2 channels");
  input.std = {1};
  EXPECT_EQ(check_input(byte_images(), input), "normalize has 3 means and 1 deviations");
  input.mean = {0};
  input.std = {0};
  EXPECT_EQ(check_input(byte_images(), input), "normalize: the deviation 0 is not above 0");
}

}  // namespace
}  // namespace cleave
