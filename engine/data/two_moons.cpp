#include "engine/data/two_moons.h"

#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "engine/data/generated.h"
#include "ops/core/error.h"
#include "ops/core/rng.h"

namespace cleave {

Dataset make_two_moons(const DatasetRequest& request) {
  constexpr double kNoise = 0.1;
  constexpr std::int64_t kMostPoints = std::int64_t{1} << 24;
  Dataset set;
  set.name = "two_moons";
  set.shape = {2};
  set.classes = 2;
  set.class_names = {"upper", "lower"};
  set.count = generated_count(request, 2000, 1000);
  if (set.count > kMostPoints)
    throw UserError(fmt::format("data set two_moons: limit {} is more than {}", set.count, kMostPoints));
  for (std::int64_t i = 0; i < set.count; ++i) {
    Rng rng = sample_rng(request, i);
    const bool lower = i % 2 == 1;
    const double angle = std::numbers::pi * rng.uniform();
    const double x = lower ? 1 - std::cos(angle) : std::cos(angle);
    const double y = lower ? 0.5 - std::sin(angle) : std::sin(angle);
    set.values.push_back(static_cast<float>(x + kNoise * rng.normal()));
    set.values.push_back(static_cast<float>(y + kNoise * rng.normal()));
    set.labels.push_back(lower ? 1 : 0);
  }
  return set;
}

}  // namespace cleave
