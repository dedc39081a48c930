// Timeline of a simulated run as a picture: who computes, sends, receives and waits when.
#pragma once

#include <string>
#include <vector>

#include "partitioner/simulate.h"

namespace cleave {

// Returns what is worth showing of a run that gave `report`: its first frames, a stretch of steady state if the run is
// long enough, and what happened around a device's stop.
std::vector<SimWindow> gantt_windows(const SimPlan& plan, const SimOptions& options, const SimReport& report);

// Returns an SVG: one panel for each of `options.windows`, in it one row for each device. `report` is of a run with
// these options. Bars say on hover what they are.
std::string gantt_svg(const SimPlan& plan, const SimOptions& options, const SimReport& report,
                      const std::string& heading);

// Returns "1.25 s", "40.5 ms", "3 µs": four digits that matter.
std::string seconds_in_short(double seconds);

}  // namespace cleave
