// Ten thousand simulated worlds. A failing seed is printed; CLEAVE_SIM_SEED=N runs that one alone and shows every step:
//   CLEAVE_SIM_SEED=4711 build/tests/cleave_tests --gtest_filter=SessionSim.TheSeedAskedFor
#include "tests/support/session_sim.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace cleave {

namespace {

constexpr std::uint64_t kSeedsATest = 1000, kSeedsForAPlant = 300;

class SessionSimSeeds : public testing::TestWithParam<std::uint64_t> {};
class SessionSimPlants : public testing::TestWithParam<SimPlant> {};

}  // namespace

TEST_P(SessionSimSeeds, EveryFrameIsCommittedOnceAndInOrder) {
  for (std::uint64_t seed = GetParam(); seed < GetParam() + kSeedsATest; ++seed) {
    const SimOutcome outcome = simulate_sessions(seed);
    ASSERT_EQ(outcome.fault, "") << "CLEAVE_SIM_SEED=" << seed << " runs this one alone";
  }
}
INSTANTIATE_TEST_SUITE_P(, SessionSimSeeds, testing::Range<std::uint64_t>(0, 10 * kSeedsATest, kSeedsATest));

TEST_P(SessionSimPlants, APlantedMistakeIsNoticed) {
  for (std::uint64_t seed = 0; seed < kSeedsForAPlant; ++seed) {
    const SimOutcome outcome = simulate_sessions(seed, GetParam());
    if (outcome.fault.empty()) continue;
    std::printf("seed %d: %s\n", static_cast<int>(seed), outcome.fault.c_str());
    return;
  }
  FAIL() << to_text(GetParam()) << " goes unnoticed in " << kSeedsForAPlant << " worlds";
}
INSTANTIATE_TEST_SUITE_P(, SessionSimPlants,
                         testing::Values(SimPlant::redeliver, SimPlant::skip_replay, SimPlant::commit_early,
                                         SimPlant::equal_incarnation, SimPlant::lower_incarnation, SimPlant::short_log,
                                         SimPlant::unsummed, SimPlant::late_end),
                         [](const testing::TestParamInfo<SimPlant>& plant) { return to_text(plant.param); });

TEST(SessionSim, TheSeedAskedFor) {
  const char* seed = std::getenv("CLEAVE_SIM_SEED");
  if (seed == nullptr) GTEST_SKIP() << "CLEAVE_SIM_SEED=N runs world N";
  EXPECT_EQ(simulate_sessions(std::stoull(seed), SimPlant::none, true).fault, "");
}

}  // namespace cleave
