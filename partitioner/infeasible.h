// Why nothing fits, and the nearest change that would.
#pragma once

#include <string>

#include "partitioner/make_problem.h"

namespace cleave {

// "a would hold 312 MiB, 102 MiB more than the 210 MiB it has for it"
std::string memory_misfit(const Setting& setting, int device, double needed_bytes, double limit_bytes);

// Returns one or more lines: what stands in the way (memory: the device, the layer and the missing bytes; the latency
// limit; a pin; a missing path) and the nearest change that would fit, which was tried.
// `shortest_s`: the shortest latency of the rows that only the limit keeps out, infinity if there are none.
std::string why_nothing_fits(const Setting& setting, const Numbers& numbers, const Problem& whole, double shortest_s);

// A bound on the objective that holds for every way to cut, whatever the solver looked at.
double loose_bound(const Setting& setting);

}  // namespace cleave
