// The plot stands left; a legend, where there is one, in a column right of it.
#include "engine/cli/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>

#include <fmt/format.h>

#include "engine/cli/chart_plot.h"
#include "graphs/draw.h"
#include "ops/core/error.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

std::string grid_svg(const Plot& plot) {
  std::string text = "<g stroke=\"#dde\" fill=\"#444\">\n";
  for (const Tick& tick : plot.x.ticks) {
    const double x = plot.at_x(tick.at);
    text += fmt::format("<path d=\"M{0:.1f},{1:.0f} V{2:.0f}\"/>", x, kPlotTop, kPlotBottom);
    text += fmt::format("<text x=\"{:.1f}\" y=\"{:.0f}\" stroke=\"none\" text-anchor=\"middle\">{}</text>\n", x,
                        kPlotBottom + 18, svg_text(tick.text));
  }
  for (const Tick& tick : plot.y.ticks) {
    const double y = plot.at_y(tick.at);
    text += fmt::format("<path d=\"M{0:.0f},{1:.1f} H{2:.0f}\"/>", kPlotLeft, y, plot.right);
    text += fmt::format("<text x=\"{:.0f}\" y=\"{:.1f}\" stroke=\"none\" text-anchor=\"end\">{}</text>\n",
                        kPlotLeft - 8, y + 4, tick.text);
  }
  return text + fmt::format("</g>\n<path d=\"M{0:.0f},{1:.0f} V{2:.0f} H{3:.0f}\" fill=\"none\" stroke=\"#444\"/>\n",
                            kPlotLeft, kPlotTop, kPlotBottom, plot.right);
}

}  // namespace

std::string to_svg(const Chart& chart) {
  Plot plot;
  const bool any = lay_out(chart, plot);
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
      "<text x=\"{2:.0f}\" y=\"26\" font-size=\"15\" font-weight=\"bold\">{3}</text>\n",
      kChartWidth, kChartHeight, kPlotLeft, svg_text(chart.title));
  text += grid_svg(plot);
  const double middle_x = (kPlotLeft + plot.right) / 2, middle_y = (kPlotTop + kPlotBottom) / 2;
  text += fmt::format("<text x=\"{:.1f}\" y=\"{:.0f}\" text-anchor=\"middle\">{}</text>\n", middle_x, kChartHeight - 16,
                      svg_text(chart.x_label));
  text += fmt::format(
      "<text x=\"18\" y=\"{0:.1f}\" text-anchor=\"middle\" transform=\"rotate(-90 18 {0:.1f})\">{1}</text>\n", middle_y,
      svg_text(chart.y_label));
  if (!any)
    text += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">no points to show</text>\n", middle_x,
                        middle_y);
  std::size_t bars = 0;
  for (std::size_t i = 0; any && i < chart.series.size(); ++i)
    if (chart.series[i].bars) text += bars_svg(plot, i, bars++);
  for (std::size_t i = 0; any && i < chart.series.size(); ++i)
    if (!chart.series[i].bars) text += line_svg(plot, i, chart.series[i].dashed);
  return text + legend_svg(chart, plot) + "</svg>\n";
}

Series histogram(const std::string& name, const std::vector<float>& values, double low, double high, int bins) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(bins), 0);
  const double width = (high - low) / bins;
  std::int64_t all = 0;
  for (const float value : values) {
    if (std::isnan(value)) continue;
    const double bin = std::clamp(std::floor((static_cast<double>(value) - low) / width), 0.0, bins - 1.0);
    ++counts[static_cast<std::size_t>(bin)], ++all;
  }
  Series series{.name = name, .points = {}, .bars = true, .dashed = false};
  for (std::size_t i = 0; i < counts.size(); ++i)
    series.points.emplace_back(low + (static_cast<double>(i) + 0.5) * width,
                               all == 0 ? 0.0 : static_cast<double>(counts[i]) / static_cast<double>(all));
  return series;
}

void write_chart(const std::string& file, const Chart& chart) {
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) throw RunError(fmt::format("{}: cannot make the folder: {}", folder.string(), error.message()));
  const std::string text = to_svg(chart);
  write_file_atomically(file, ByteSpan(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

}  // namespace cleave
