#include "engine/cli/chart_axes.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include <fmt/format.h>

#include "graphs/graph_text.h"

namespace cleave {

namespace {

constexpr int kMostDecades = 8;  // with a tick each

// The smallest of 1, 2, 5 times a power of ten that is not below `step`.
double round_up(double step) {
  const double power = std::pow(10.0, std::floor(std::log10(step)));
  for (const double digit : {1.0, 2.0, 5.0})
    if (digit * power >= step * (1 - 1e-9)) return digit * power;
  return 10 * power;
}

// As many decimals as the step has; whole numbers with blanks, what is very large or small with an exponent.
std::string tick_text(double value, double step) {
  const double largest = std::max(std::abs(value), step);
  if (largest >= 1e7 || step < 1e-4) return value == 0 ? "0" : fmt::format("{:.6g}", value);
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  if (decimals == 0) return with_blanks(std::llround(value));
  return fmt::format("{:.{}f}", value == 0 ? 0.0 : value, decimals);
}

}  // namespace

double Axis::place(double value) const {
  const double from = log ? std::log10(low) : low, to = log ? std::log10(high) : high;
  return std::clamp(((log ? std::log10(value) : value) - from) / (to - from), 0.0, 1.0);
}

Axis linear_axis(double low, double high, int wanted) {
  assert(std::isfinite(low) && std::isfinite(high) && low <= high && wanted >= 1);
  if (!(high - low > 1e-9 * std::max(std::abs(low), std::abs(high)))) {  // one value: some room around it
    const double room = low == 0 ? 1 : std::abs(low) / 2;
    low -= room, high += room;
  }
  const double step = round_up((high / wanted) - (low / wanted));
  const double first = std::floor(low / step + 1e-9) + 0.0, last = std::ceil(high / step - 1e-9) + 0.0;  // no -0
  Axis axis{.low = first * step, .high = last * step, .log = false, .ticks = {}};
  for (double k = first; k <= last; ++k) axis.ticks.push_back({k * step, tick_text(k * step, step)});
  return axis;
}

Axis named_axis(const std::vector<std::string>& names) {
  assert(!names.empty());
  Axis axis{.low = -0.5, .high = static_cast<double>(names.size()) - 0.5, .log = false, .ticks = {}};
  for (const std::string& name : names) axis.ticks.push_back({static_cast<double>(axis.ticks.size()), name});
  return axis;
}

Axis log_axis(double low, double high) {
  assert(low > 0 && low <= high && std::isfinite(high));
  int first = static_cast<int>(std::floor(std::log10(low) + 1e-9));
  int last = static_cast<int>(std::ceil(std::log10(high) - 1e-9));
  if (first == last) --first;
  const int every = (last - first + kMostDecades - 1) / kMostDecades;
  last += (every - (last - first) % every) % every;
  Axis axis{.low = std::pow(10.0, first), .high = std::pow(10.0, last), .log = true, .ticks = {}};
  for (int power = first; power <= last; power += every)
    axis.ticks.push_back({std::pow(10.0, power), power >= -3 && power <= 4 ? fmt::format("{:g}", std::pow(10.0, power))
                                                                           : fmt::format("1e{}", power)});
  return axis;
}

}  // namespace cleave
