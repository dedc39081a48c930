// The best plan of a Problem under an objective, with a bound that proves it.
#pragma once

#include <atomic>
#include <span>

#include "partitioner/problem.h"

namespace cleave {

struct Goal {
  double latency_limit_s = kInfinity;       // of one frame
  double period_s = 0;                      // frames come no faster (a fixed rate); 0 = as fast as it goes
  int min_stages = 1;                       // use at least …
  int max_stages = kMaxDevices;             // … and at most so many stages
  double time_limit_s = 10;                 // then the best found, with its gap
  const std::atomic<bool>* stop = nullptr;  // set by anyone: as if the time were over
};

struct Solution {
  Stages stages;         // empty: none was found
  Score score;           // evaluate(problem, stages)
  double value = 0;      // of the objective, in its unit
  double bound = 0;      // no plan is better than this
  bool optimal = false;  // proven: nothing is better (or, without stages, nothing is possible)
};

struct ObjectiveDef {
  const char* name;  // as the language writes it
  const char* doc;
  const char* unit;
  bool higher_is_better;
  double (*value)(const Score& score);
  // Ties: fewer stages, then the shorter latency.
  Solution (*solve)(const Problem& problem, const Goal& goal);
};
// throughput, latency, energy, lifetime, balance.
std::span<const ObjectiveDef> objective_catalog();

// True when `a` is better than `b` by more than rounding.
bool is_better(const ObjectiveDef& objective, double a, double b);
// What no plan can be better than when nothing else is known: 0 or infinity.
inline double no_bound(const ObjectiveDef& objective) { return objective.higher_is_better ? kInfinity : 0; }
// The gap between the value and its bound, as a share of the bound: 0 = optimal.
double gap_of(const Solution& solution);

}  // namespace cleave
