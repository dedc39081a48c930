// The objectives. What is the longest of times (throughput, balance, lifetime) goes by reachability, what adds up along
// a plan (latency, energy) by search.
#include "partitioner/solve.h"

#include <array>
#include <cmath>

#include "partitioner/finder.h"
#include "partitioner/search.h"

namespace cleave {

namespace {

Solution solve_latency(const Problem& problem, const Goal& goal) { return search(problem, Minimise::latency, goal); }
Solution solve_energy(const Problem& problem, const Goal& goal) { return search(problem, Minimise::joules, goal); }

constexpr std::array kObjectives = {
    ObjectiveDef{"throughput", "the most frames a second", "frames/s", true,
                 [](const Score& score) { return 1 / score.period_s; }, solve_throughput},
    ObjectiveDef{"latency", "the shortest way of one frame, end to end", "s", false,
                 [](const Score& score) { return score.latency_s; }, solve_latency},
    ObjectiveDef{"energy", "the fewest joules a frame", "J", false, [](const Score& score) { return score.joules; },
                 solve_energy},
    ObjectiveDef{"lifetime", "the most frames until the first battery is empty", "frames", true,
                 [](const Score& score) { return score.frames; }, solve_lifetime},
    ObjectiveDef{"balance", "the shortest stage as long as the longest, on two devices or more", "", true,
                 [](const Score& score) { return score.devices > 1 ? score.balance : 0; }, solve_balance},
};

}  // namespace

std::span<const ObjectiveDef> objective_catalog() { return kObjectives; }

bool is_better(const ObjectiveDef& objective, double a, double b) {
  constexpr double kRounding = 1e-12;
  if (a == b) return false;  // infinities, too
  const double margin = std::isfinite(b) ? kRounding * std::abs(b) : 0;
  return objective.higher_is_better ? a > b + margin : a < b - margin;
}

double gap_of(const Solution& solution) {
  if (solution.optimal || solution.value == solution.bound) return 0;
  if (!std::isfinite(solution.bound)) return solution.bound > 0 ? 1 : kInfinity;
  return solution.bound == 0 ? kInfinity : std::abs(solution.value - solution.bound) / std::abs(solution.bound);
}

}  // namespace cleave
