// The colours are those of Okabe and Ito ("Color Universal Design", 2008) without the yellow, which is too light on
// white; marks differ, too, so that a chart printed in black can be read.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "engine/cli/chart_plot.h"
#include "graphs/draw.h"

namespace cleave {

namespace {

constexpr std::size_t kMostMarks = 40;  // of a line; one with more points has none
constexpr std::size_t kLetters = 20;    // of a name in the legend
constexpr std::array<const char*, 7> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                 "#e69f00", "#56b4e9", "#333333"};

const char* colour_of(std::size_t series) { return kColours[series % kColours.size()]; }

std::string mark(std::size_t series, double x, double y) {
  const char* colour = colour_of(series);
  const double r = 3.2;
  switch (series % 4) {
    case 0: return fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" fill=\"{}\"/>", x, y, r, colour);
    case 1:
      return fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>", x - r, y - r,
                         2 * r, 2 * r, colour);
    case 2:
      return fmt::format("<path d=\"M{:.1f},{:.1f} l{},{} h{} z\" fill=\"{}\"/>", x, y - r - 1, r + 1, 2 * r + 1,
                         -2 * (r + 1), colour);
    default:
      return fmt::format("<path d=\"M{:.1f},{:.1f} l{},{} l{},{} l{},{} z\" fill=\"{}\"/>", x, y - r - 1, r + 1, r + 1,
                         -r - 1, r + 1, -r - 1, -r - 1, colour);
  }
}

// The first letters of a name, where it has too many.
std::string shortened(const std::string& name) {
  std::size_t letters = 0;
  for (std::size_t i = 0; i < name.size(); ++i)
    if ((static_cast<unsigned char>(name[i]) & 0xC0) != 0x80 && ++letters > kLetters) return name.substr(0, i) + "…";
  return name;
}

}  // namespace

std::string line_svg(const Plot& plot, std::size_t number, bool dashed) {
  std::string path, marks;
  bool pen_down = false;
  const Points& points = plot.drawable[number];
  for (const auto& [x, y] : points) {
    if (std::isnan(y)) {
      pen_down = false;
      continue;
    }
    path += fmt::format("{}{:.1f},{:.1f} ", pen_down ? 'L' : 'M', plot.at_x(x), plot.at_y(y));
    if (!dashed && points.size() <= kMostMarks) marks += mark(number, plot.at_x(x), plot.at_y(y)) + "\n";
    pen_down = true;
  }
  if (path.empty()) return "";
  path.pop_back();
  return fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{}/>\n{}", path, colour_of(number),
                     points.size() > kMostMarks ? 1.2 : 1.8, dashed ? " stroke-dasharray=\"6 4\"" : "", marks);
}

std::string bars_svg(const Plot& plot, std::size_t number, std::size_t place) {
  std::string text;
  const double room = plot.bar_share * plot.bar_rooms[number];
  const double width = room / static_cast<double>(plot.bars);
  for (const auto& [x, y] : plot.drawable[number]) {
    if (std::isnan(y)) continue;
    const double left = plot.at_x(x - room / 2 + width * static_cast<double>(place));
    const double right = plot.at_x(x - room / 2 + width * static_cast<double>(place + 1));
    const double end = plot.at_y(y), base = plot.at_y(plot.y.log ? plot.y.low : 0);
    text += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\" fill-opacity=\"0.85\" "
        "stroke=\"white\" stroke-width=\"0.5\"/>\n",
        left, std::min(end, base), right - left, std::abs(base - end), colour_of(number));
  }
  return text;
}

std::string legend_svg(const Chart& chart, const Plot& plot) {
  std::string text;
  double y = kPlotTop + 10;
  const double x = plot.right + 16;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const Series& series = chart.series[i];
    if (series.name.empty()) continue;
    if (series.bars)
      text += fmt::format("<rect x=\"{:.0f}\" y=\"{:.0f}\" width=\"18\" height=\"10\" fill=\"{}\"/>", x, y - 5,
                          colour_of(i));
    else
      text += fmt::format("<path d=\"M{:.0f},{:.0f} h18\" stroke=\"{}\" stroke-width=\"1.8\"{}/>{}", x, y, colour_of(i),
                          series.dashed ? " stroke-dasharray=\"6 4\"" : "", series.dashed ? "" : mark(i, x + 9, y));
    text += fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\">{}</text>\n", x + 24, y + 4, svg_text(shortened(series.name)));
    y += 20;
  }
  return text;
}

}  // namespace cleave
