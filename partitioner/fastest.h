// The plan of least latency within limits, by labels: for what bit sets cannot tell.
#pragma once

#include "partitioner/chain.h"

namespace cleave {

// True when the latency is within the limit but for rounding: sums come in more than one order.
inline bool is_latency_within(double latency_s, double limit_s) { return latency_s <= limit_s * (1 + 1e-12); }

// How many steps fastest() takes at most; infinity when it would need too much memory.
double fastest_steps(const Problem& problem, const Goal& goal);

// Returns the fastest of the plans with the fewest stages among those within the limits and the goal's limits on stages
// and latency. Minds how compute and transfers share a device's time (`busy_s`) and half-duplex links.
Found fastest(const Problem& problem, const StageLimits& limits, const Goal& goal, const Deadline& deadline);

}  // namespace cleave
