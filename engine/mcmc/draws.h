// Draws that priors and proposals share.
#pragma once

#include "ops/core/rng.h"

namespace cleave {

// Standard Student t with `df` > 0 degrees of freedom (Bailey 1994, the polar method); df = 1 is Cauchy.
double draw_student(Rng& rng, double df);
// Standard Laplace.
double draw_laplace(Rng& rng);

}  // namespace cleave
