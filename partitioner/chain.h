// Reachability by bit sets: can the work be done within given limits, and by whom?
#pragma once

#include <vector>

#include "partitioner/problem.h"
#include "partitioner/solve.h"

namespace cleave {

struct StageLimits {
  std::vector<double> compute_s;        // [kind]: at most
  std::vector<double> least_compute_s;  // [kind]: at least; empty = 0
  double transfer_s = kInfinity;        // every link, at most
};

// Returns a plan within the limits with the fewest stages, empty when there is none. For problems that are not coupled.
// `goal` gives min_stages, max_stages and the time limit; `*timed_out` is set when the answer is not known.
Stages reach(const Problem& problem, const StageLimits& limits, const Goal& goal, bool* timed_out = nullptr);

}  // namespace cleave
