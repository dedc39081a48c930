// What the parts of a chart's drawing share: where everything stands.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "engine/cli/chart.h"
#include "engine/cli/chart_axes.h"

namespace cleave {

inline constexpr double kChartWidth = 720, kChartHeight = 440;
inline constexpr double kPlotLeft = 76, kPlotTop = 44, kPlotBottom = kChartHeight - 60;

using Points = std::vector<std::pair<double, double>>;

struct Plot {
  Axis x, y;
  double right = 0;               // of the plotting area
  std::size_t bars = 0;           // series of bars; they share the room of a bar
  std::vector<Points> drawable;   // by series: without what cannot be drawn; y not a number = a gap
  std::vector<double> bar_rooms;  // by series, in units of x
  double bar_share = 1;           // of a room that bars fill

  double at_x(double value) const { return kPlotLeft + x.place(value) * (right - kPlotLeft); }
  double at_y(double value) const { return kPlotBottom - y.place(value) * (kPlotBottom - kPlotTop); }
};

// Places everything; false when there is nothing to place.
bool lay_out(const Chart& chart, Plot& plot);

// A series as SVG; `place` says which of a chart's sets of bars it is.
std::string line_svg(const Plot& plot, std::size_t series, bool dashed);
std::string bars_svg(const Plot& plot, std::size_t series, std::size_t place);
// The names of the series, right of the plot.
std::string legend_svg(const Chart& chart, const Plot& plot);

}  // namespace cleave
