#include "ops/core/weight_grid.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace cleave {

namespace {

constexpr double kDeviations = 4;  // from zero to the last level

double half_of(const WeightGrid& grid) { return 0.5 * static_cast<double>(grid.levels - 1); }

}  // namespace

float WeightGrid::value(std::int64_t level) const {
  return static_cast<float>(middle + spacing * (static_cast<double>(level) - half_of(*this)));
}

std::int64_t WeightGrid::nearest(double value) const {
  const double number = std::round((value - middle) / spacing + half_of(*this));
  return static_cast<std::int64_t>(std::clamp(number, 0.0, static_cast<double>(levels - 1)));
}

bool WeightGrid::holds(float value_in_question) const {
  if (!std::isfinite(value_in_question)) return false;
  return is_real() || value(nearest(value_in_question)) == value_in_question;
}

double start_deviation(const WeightType& type, const Shape& kernel) {
  // Only a quantized kernel is one that a scale of 1/sqrt(fan in) multiplies and that is not on ±1.
  const bool scaled = type.grid == WeightType::Grid::quantized && type.scale_per_filter;
  const std::int64_t inputs = scaled ? 1 : element_count(kernel) / kernel.front();
  return std::sqrt(2.0 / static_cast<double>(inputs));
}

WeightGrid kernel_grid(const WeightType& type, const Shape& kernel) {
  switch (type.grid) {
    case WeightType::Grid::real: return {};
    case WeightType::Grid::sign: return {0, 2, 2};
    case WeightType::Grid::bit: return {0.5, 1, 2};
    case WeightType::Grid::ternary: return {0, 1, 3};
    case WeightType::Grid::quantized: break;
  }
  const std::int64_t levels = std::int64_t{1} << type.bits;
  return {0, 2 * kDeviations * start_deviation(type, kernel) / static_cast<double>(levels - 1), levels};
}

std::string to_text(const WeightGrid& grid) {
  if (grid.is_real()) return "real";
  const float last = grid.value(grid.levels - 1);
  if (grid.levels == 2) return fmt::format("{} or {}", grid.value(0), last);
  if (grid.levels == 3) return fmt::format("{}, {} or {}", grid.value(0), grid.value(1), last);
  return fmt::format("one of {} values from {:.4g} to {:.4g} in steps of {:.2g}", grid.levels, grid.value(0), last,
                     grid.spacing);
}

}  // namespace cleave
