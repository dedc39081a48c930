// The shortest period of a chain by dynamic programming: slow, obvious, and without bisection or bit sets.
#pragma once

#include "partitioner/solve.h"

namespace cleave::reference {

// Returns the plan of least period among all (no limits but the problem's own), as a proven Solution whose value and
// bound are the period in seconds; no stages if there is no plan. For a chain of devices that overlap computing and
// transfers, without pins and shares. O(prod(count + 1) · kinds² · positions²).
Solution shortest_period(const Problem& problem);

}  // namespace cleave::reference
