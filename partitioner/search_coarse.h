// A problem with fewer positions, for a first plan of one with very many.
#pragma once

#include <vector>

#include "partitioner/problem.h"

namespace cleave {

// Returns at most `most` positions, ascending, the first and the last among them: of each run of neighbours the one
// where the fewest bytes travel.
std::vector<int> narrow_cuts(const Problem& problem, int most);

// Returns the same problem with cuts at these positions only. Its plans are plans of the whole one.
Problem keep_positions(const Problem& problem, const std::vector<int>& kept);

}  // namespace cleave
