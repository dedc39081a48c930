#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "engine/data/dataset.h"
#include "ops/core/error.h"
#include "tests/support/files.h"

namespace cleave {
namespace {

DatasetRequest request_of(std::int64_t limit, const Shape& shape = {}, std::uint64_t seed = 7) {
  DatasetRequest request;
  request.limit = limit;
  request.shape = shape;
  request.seed = seed;
  return request;
}

// Every generated row of the catalog, new ones included.
std::vector<std::string> generated_sets() {
  std::vector<std::string> names;
  for (const DatasetDef& def : dataset_catalog())
    if (def.files == nullptr) names.emplace_back(def.name);
  return names;
}

TEST(GeneratedSets, SampleIsAFunctionOfSeedSplitAndIndex) {
  for (const std::string& name : generated_sets()) {
    const Dataset few = load_dataset(name, request_of(20));
    Dataset many = load_dataset(name, request_of(50));
    keep_first(many, 20);
    EXPECT_EQ(few.bytes, many.bytes) << name;
    EXPECT_EQ(few.values, many.values) << name;
    EXPECT_EQ(few.labels, many.labels) << name;
  }
}

TEST(GeneratedSets, SeedsAndSplitsDiffer) {
  for (const std::string& name : generated_sets()) {
    const Dataset set = load_dataset(name, request_of(20));
    DatasetRequest test = request_of(20);
    test.split = "test";
    for (const Dataset& other : {load_dataset(name, test), load_dataset(name, request_of(20, {}, 8))})
      EXPECT_TRUE(set.bytes != other.bytes || set.values != other.values) << name;
  }
}

TEST(GeneratedSets, ClassesAreBalanced) {
  for (const std::string& name : generated_sets()) {
    const Dataset set = load_dataset(name, request_of(200));
    for (std::int32_t c = 0; c < set.classes; ++c)
      EXPECT_EQ(std::count(set.labels.begin(), set.labels.end(), c), 200 / set.classes) << name;
  }
}

TEST(TwoMoons, PointsLieOnTheirHalfCircles) {
  const Dataset set = load_dataset("two_moons", request_of(1000));
  for (std::size_t i = 0; i < 1000; ++i) {
    const bool lower = set.labels[i] == 1;
    const double x = set.values[2 * i] - (lower ? 1.0 : 0.0);
    const double y = set.values[2 * i + 1] - (lower ? 0.5 : 0.0);
    EXPECT_NEAR(std::hypot(x, y), 1, 0.5) << i;  // five deviations of the noise
    EXPECT_LT(lower ? y : -y, 0.5) << i;
  }
}

TEST(Shapes, DrawAnySizeAndChannels) {
  for (const Shape& shape : {Shape{1, 1, 1}, Shape{3, 7, 13}, Shape{5, 40, 9}}) {
    const Dataset set = load_dataset("shapes", request_of(10, shape));
    EXPECT_EQ(set.shape, shape);
    EXPECT_EQ(set.bytes.size(), static_cast<std::size_t>(10 * element_count(shape)));
  }
  EXPECT_EQ(load_dataset("shapes", request_of(1, {784})).shape, (Shape{1, 28, 28}));
}

TEST(Shapes, ImpossibleSizesAreErrors) {
  EXPECT_EQ(error_of<UserError>([] { load_dataset("shapes", request_of(1, {10})); }),
            "data set shapes: cannot draw pictures of 10 values; use an image, or a square number");
  EXPECT_EQ(error_of<UserError>([] {
              load_dataset("shapes", request_of(1, {3, 1 << 20, 1 << 20}));
            }),
            "data set shapes: 1 pictures of 3x1048576x1048576 exceed 4294967296 bytes or are empty");
}

// The squared distance of two pictures of 16x16.
std::int64_t distance(const std::uint8_t* a, const std::uint8_t* b) {
  std::int64_t sum = 0;
  for (int p = 0; p < 256; ++p) sum += (a[p] - b[p]) * (a[p] - b[p]);
  return sum;
}

std::int32_t nearest_label(const Dataset& set, const std::uint8_t* picture) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < set.labels.size(); ++i)
    if (distance(&set.bytes[256 * i], picture) < distance(&set.bytes[256 * best], picture)) best = i;
  return set.labels[best];
}

// The plainest classifier, the nearest picture, does far better than the 10 % of guessing.
TEST(Shapes, ClassesCanBeToldApart) {
  DatasetRequest request = request_of(2000, {1, 16, 16});
  const Dataset train = load_dataset("shapes", request);
  request.split = "test";
  request.limit = 200;
  const Dataset test = load_dataset("shapes", request);
  int right = 0;
  for (std::size_t i = 0; i < 200; ++i)
    if (nearest_label(train, &test.bytes[256 * i]) == test.labels[i]) ++right;
  EXPECT_GE(right, 80) << "of 200";
}

}  // namespace
}  // namespace cleave
