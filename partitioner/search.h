// Best-first search over plans, for what adds up along a plan (latency, joules) and for cost models under which a
// device's time depends on its neighbours.
#pragma once

#include "partitioner/solve.h"

namespace cleave {

enum class Minimise : std::uint8_t { period, latency, joules };

// The plan of least period, latency or joules among those whose devices and links are busy for at most
// `period_limit_s` a frame and that keep to the goal's limits. Exact unless the time runs out: then the best found, and
// as `bound` the least any open partial plan can still reach.
Solution search(const Problem& problem, Minimise what, const Goal& goal, double period_limit_s = kInfinity);

}  // namespace cleave
