#include "engine/mcmc/draws.h"

#include <cmath>
#include <numbers>

namespace cleave {

double draw_student(Rng& rng, double df) {
  if (df == 1) return std::tan(std::numbers::pi * (rng.uniform() - 0.5));  // Cauchy, by its quantiles
  const double radius = std::sqrt(df * std::expm1(-2.0 / df * std::log(rng.uniform())));
  return radius * std::cos(2.0 * std::numbers::pi * rng.uniform());
}

double draw_laplace(Rng& rng) {
  const double size = -std::log(rng.uniform());
  return rng.below(2) == 0 ? size : -size;
}

}  // namespace cleave
