#include "partitioner/search_labels.h"

#include <gtest/gtest.h>

#include "ops/core/rng.h"

namespace cleave {

namespace {

// Up to kMaxDevices devices in kinds of any size.
Problem random_kinds(Rng& rng) {
  Problem problem;
  const std::int64_t most = 1 + rng.below(8);
  for (int device = 0; device < kMaxDevices;) {
    DeviceKind& kind = problem.kinds.emplace_back();
    for (std::int64_t i = 1 + rng.below(most); i > 0 && device < kMaxDevices; --i) kind.devices.push_back(device++);
  }
  return problem;
}

// Takes some devices of each kind, and counts them.
DeviceSet random_set(Rng& rng, const Problem& problem, const DeviceSets& sets, std::vector<int>& counts) {
  DeviceSet set{};
  counts.assign(problem.kinds.size(), 0);
  for (std::size_t kind = 0; kind < counts.size(); ++kind)
    while (sets.has_free(set, static_cast<int>(kind)) && rng.below(8) != 0) {
      sets.add(set, static_cast<int>(kind));
      ++counts[kind];
    }
  return set;
}

TEST(DeviceSets, CountAndCompareAsNumbersDo) {
  Rng rng(3, kTestStream, 0);
  for (int trial = 0; trial < 300; ++trial) {
    const Problem problem = random_kinds(rng);
    const DeviceSets sets(problem);
    std::vector<int> few, many;
    const DeviceSet small = random_set(rng, problem, sets, few), large = random_set(rng, problem, sets, many);
    bool within = true;
    for (std::size_t kind = 0; kind < few.size(); ++kind) {
      EXPECT_EQ(sets.count(small, static_cast<int>(kind)), few[kind]);
      within = within && few[kind] <= many[kind];
    }
    EXPECT_EQ(sets.is_within(small, large), within);
    EXPECT_TRUE(sets.is_within(small, small) && sets.is_within({}, large));
  }
}

TEST(DeviceSets, HoldSixtyFourDifferentDevices) {
  Problem problem;
  for (int device = 0; device < kMaxDevices; ++device) problem.kinds.push_back({.devices = {device}});
  const DeviceSets sets(problem);
  DeviceSet all{};
  for (int kind = 0; kind < kMaxDevices; ++kind) {
    EXPECT_TRUE(sets.has_free(all, kind));
    sets.add(all, kind);
    EXPECT_FALSE(sets.has_free(all, kind));
  }
}

}  // namespace

}  // namespace cleave
