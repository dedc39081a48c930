// Axes of a chart: where they begin and end, and what stands at them.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cleave {

struct Tick {
  double at = 0;
  std::string text;
};

struct Axis {
  double low = 0, high = 1;  // round numbers, low < high
  bool log = false;
  std::vector<Tick> ticks;  // ascending; the first at `low`, the last at `high`, but for names

  // Returns where a value stands between `low` (0) and `high` (1), held within.
  double place(double value) const;
};

// Returns an axis with steps of 1, 2 or 5 times a power of ten over finite low ≤ high, about `wanted` of them.
Axis linear_axis(double low, double high, int wanted);
// Returns an axis with names at 0, 1, 2 … and half a step of room at its ends; `names` not empty.
Axis named_axis(const std::vector<std::string>& names);
// Returns an axis from one power of ten to another over 0 < low ≤ high.
Axis log_axis(double low, double high);

}  // namespace cleave
