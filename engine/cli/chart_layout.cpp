#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/cli/chart_plot.h"

namespace cleave {

namespace {

constexpr double kNamedBars = 0.8;  // of the room between two names
constexpr double kLegendWidth = 150, kMargin = 24;
constexpr std::size_t kMostPoints = 2000;  // of a line; one with more keeps the lowest and highest of each stretch

bool can_be_drawn(const std::pair<double, double>& point, bool log_y) {
  return std::isfinite(point.first) && std::isfinite(point.second) && (!log_y || point.second > 0);
}

// Room for a bar: the smallest distance between two of them.
double bar_room(const Points& points) {
  double width = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < points.size(); ++i) {
    const double distance = points[i].first - points[i - 1].first;
    if (distance > 0) width = std::min(width, distance);
  }
  return std::isfinite(width) ? width : 1;
}

// Of a line with very many points: the first, the lowest and the highest of every so many.
Points thinned(const Points& points) {
  if (points.size() <= kMostPoints) return points;
  const std::size_t every = 2 * (points.size() / kMostPoints + 1);
  Points few;
  for (std::size_t i = 0; i < points.size(); i += every) {
    const auto from = points.begin() + static_cast<std::ptrdiff_t>(i);
    const auto to = points.begin() + static_cast<std::ptrdiff_t>(std::min(points.size(), i + every));
    auto [low, high] = std::minmax_element(from, to, [](const auto& a, const auto& b) { return a.second < b.second; });
    if (high < low) std::swap(low, high);
    few.push_back(*low);
    if (high != low) few.push_back(*high);
  }
  return few;
}

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();

  void add(double value) { low = std::min(low, value), high = std::max(high, value); }
  bool is_empty() const { return !(low <= high); }
};

}  // namespace

// Places everything; false when there is nothing to place.
bool lay_out(const Chart& chart, Plot& plot) {
  Range x, y;
  bool named = false;
  for (const Series& series : chart.series) {
    const double width = series.bars ? bar_room(series.points) : 0;
    Points kept;
    for (const std::pair<double, double>& point : series.points) {
      const bool good = can_be_drawn(point, chart.log_y);
      if (good || std::isnan(point.second) || !chart.log_y)
        kept.push_back(good ? point : std::pair{point.first, std::numeric_limits<double>::quiet_NaN()});
      if (!good) continue;
      x.add(point.first - width / 2), x.add(point.first + width / 2), y.add(point.second);
    }
    if (series.bars && !chart.log_y && !y.is_empty()) y.add(0);
    plot.drawable.push_back(series.bars ? kept : thinned(kept));
    plot.bar_rooms.push_back(width);
    plot.bars += series.bars ? 1 : 0;
    named = named || !series.name.empty();
  }
  plot.right = kChartWidth - (named ? kLegendWidth + kMargin : kMargin);
  const bool empty = x.is_empty() || y.is_empty();
  plot.x = empty ? Axis{} : chart.x_names.empty() ? linear_axis(x.low, x.high, 7) : named_axis(chart.x_names);
  if (!chart.x_names.empty()) plot.bar_share = kNamedBars;
  plot.y = empty ? Axis{} : chart.log_y ? log_axis(y.low, y.high) : linear_axis(y.low, y.high, 6);
  return !empty;
}

}  // namespace cleave
