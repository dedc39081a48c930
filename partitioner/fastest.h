// The plan of least latency within limits, by labels: for what bit sets cannot tell.
#pragma once

#include "partitioner/chain.h"

namespace cleave {

// How many steps fastest() takes at most; infinity when it would need too much memory.
double fastest_steps(const Problem& problem, const Goal& goal);

// Returns the fastest of the plans with the fewest stages among those within the limits and the goal's limits on stages
// and latency. Minds how compute and transfers share a device's time (`busy_s`) and half-duplex links.
Found fastest(const Problem& problem, const StageLimits& limits, const Goal& goal, const Deadline& deadline);

}  // namespace cleave
