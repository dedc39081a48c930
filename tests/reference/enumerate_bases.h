// The rotation's linear program by its corners: slow, obvious, and without the library.
#pragma once

#include <vector>

namespace cleave::reference {

// Returns the most Σ x_p with x >= 0 and Σ_p x_p · joules[p][b] <= battery_j[b], all finite and every plan with a
// battery it needs: the best of all basic solutions, of which there are (plans + batteries choose batteries).
double most_frames(const std::vector<std::vector<double>>& joules, const std::vector<double>& battery_j);

}  // namespace cleave::reference
