#include "engine/train/live_diagnostics.h"

#include <cmath>

#include <gtest/gtest.h>

#include "ops/core/rng.h"

namespace cleave {
namespace {

// Figures of two chains after `batches`, chain 1 lying `apart` from chain 0.
LiveDiagnostics::Figures after(int batches, double apart) {
  LiveDiagnostics live(2, 2);
  Rng rng(7, 0, 0);
  for (int i = 0; i < batches; ++i)
    for (const std::size_t chain : {0u, 1u}) live.add(chain, 1, rng.normal() + (chain == 1 ? apart : 0));
  return live.of(1);
}

TEST(LiveDiagnostics, SayNothingTooEarly) {
  EXPECT_TRUE(std::isnan(after(3, 0).rhat));
  EXPECT_TRUE(std::isnan(after(0, 0).ess));
}

TEST(LiveDiagnostics, AgreeWithTheChains) {
  EXPECT_LT(after(400, 0).rhat, 1.03);
  EXPECT_GT(after(400, 5).rhat, 1.5);
  EXPECT_GT(after(400, 0).ess, 200);
}

TEST(LiveDiagnostics, KeepAWindowHoweverLongTheRun) {
  EXPECT_LT(after(100000, 0).ess,
            2 * 256 * 2.8);  // more than this a window is not worth: 256 draws, twice, times log10
  EXPECT_LT(after(100000, 0).rhat, 1.05);
}

}  // namespace
}  // namespace cleave
