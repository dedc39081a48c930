// Charts: curves, bars and histograms as SVG, for people who would rather look than read.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cleave {

// One curve, or one set of bars (side by side where a chart has several).
struct Series {
  std::string name = {};                               // of the legend; "" = not in it
  std::vector<std::pair<double, double>> points = {};  // x ascending; a point that is not finite interrupts a line
  bool bars = false;                                   // else a line, with a mark at each point where they are few
  bool dashed = false;                                 // a line for comparison
};

struct Chart {
  std::string title = {}, x_label = {}, y_label = {};  // labels with their units
  std::vector<Series> series = {};
  bool log_y = false;                     // points not above 0 are left out then
  std::vector<std::string> x_names = {};  // what stands at x = 0, 1, 2 …, in place of an axis of numbers
};

// Returns an SVG document of 720x440, its colours told apart also by those who do not see red and green; the same
// bytes for the same chart. Axes begin and end at round numbers. A chart without points says so.
std::string to_svg(const Chart& chart);
// Returns the bars of a histogram with `bins` bins over [low, high], each bar at the middle of its bin and as high as
// its share of all values; values outside fall into the outermost bins. `bins` ≥ 1, low < high.
Series histogram(const std::string& name, const std::vector<float>& values, double low, double high, int bins);
// Writes text whole or not at all, making the folder where there is none. Throws RunError with path and reason.
void write_chart(const std::string& file, const Chart& chart);

}  // namespace cleave
