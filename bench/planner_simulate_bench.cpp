// How long does the simulator take for a million frames through sixteen stages, on one core? Goal: at most 2 s, with
// jitter or without. CPU time; every case runs five times, in turns, and the fastest counts.
#include <algorithm>
#include <ctime>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/bench.h"
#include "partitioner/simulate.h"

namespace cleave {
namespace {

constexpr double kGoalS = 2;
constexpr int kStages = 16;
constexpr std::int64_t kFrames = 1'000'000;

struct Case {
  std::string name;
  SimPlan plan;
  SimOptions options;
  std::vector<double> seconds{};
};

SimPlan chain_of(int stages, bool half_duplex) {
  SimPlan plan;
  for (int i = 0; i < stages; ++i)
    plan.stages.push_back({.device = fmt::format("d{}", i),
                           .compute_s = 0.040 + 0.001 * ((i * 7) % stages),
                           .to = i + 1 < stages ? i + 1 : -1,
                           .send_s = 0.010 + 0.001 * ((i * 5) % stages),
                           .half_duplex = half_duplex,
                           .idle_w = 2,
                           .compute_w = 3,
                           .battery_j = 1e12});
  return plan;
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void simulator_speed() {
  const SimOptions plain{.frames = kFrames};
  const SimOptions jitter{.frames = kFrames, .jitter = 0.1};
  const SimOptions batteries{.frames = kFrames, .batteries = true};
  std::vector<Case> cases = {{"without jitter", chain_of(kStages, false), plain},
                             {"jitter of 10 %", chain_of(kStages, false), jitter},
                             {"half duplex, jitter of 10 %", chain_of(kStages, true), jitter},
                             {"batteries, without jitter", chain_of(kStages, false), batteries}};
  for (int round = 0; round < 5; ++round)
    for (Case& item : cases) {
      const double start = cpu_seconds();
      const SimReport report = simulate(item.plan, item.options);
      item.seconds.push_back(cpu_seconds() - start);
      if (report.done != kFrames) fmt::print("{}: only {} frames were done\n", item.name, report.done);
    }
  for (const Case& item : cases)
    print_goal(fmt::format("simulate, 10^6 frames x {} stages, {}:", kStages, item.name), fastest(item.seconds), "s",
               kGoalS);
}

}  // namespace
}  // namespace cleave

int main() { cleave::simulator_speed(); }
