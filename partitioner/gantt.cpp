// A row has three lanes: what is received above, what is computed in the middle, what is sent below. So what one stage
// sends stands right above what the next one receives of it. Grey is the time in which nothing of this goes on.
#include "partitioner/gantt.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "graphs/draw.h"

namespace cleave {

namespace {

constexpr double kMargin = 24, kPlotWidth = 1080, kHeadHeight = 58, kTitleHeight = 22, kAxisHeight = 34;
constexpr double kRowHeight = 40, kThinLane = 7, kLaneGap = 1, kComputeLane = 18;
constexpr double kLetter = 6.6, kDigit = 6.2;
constexpr std::size_t kMostLetters = 24;
// At most so many periods in a panel: bars stay wide enough to be told apart.
constexpr double kMostPeriods = 40, kSteadyPeriods = 10;

struct Look {
  const char* doing;  // in the legend
  const char* does;   // on hover: "a computes frame 3"
  const char* colour;
  const char* other;   // every second frame
  double top, height;  // of the lane
};
constexpr double kComputeTop = kThinLane + kLaneGap;
constexpr double kSendTop = kComputeTop + kComputeLane + kLaneGap;
constexpr std::array kLooks = {
    // by SimActivity
    Look{"computing", "computes", "#7fa8d9", "#5f8cc6", kComputeTop, kComputeLane},
    Look{"sending", "sends", "#f0a63c", "#d98a1a", kSendTop, kThinLane},
    Look{"receiving", "receives", "#86c28f", "#62a96e", 0, kThinLane},
};
constexpr const char* kWaitColour = "#e3e3e3";
constexpr const char* kStopColour = "#f3b8b0";

const Look& look_of(SimActivity activity) { return kLooks[static_cast<std::size_t>(activity)]; }

// One panel: a window of time on the page.
struct Panel {
  const SimWindow& window;
  double left = 0, top = 0;  // of the rows
  std::size_t rows = 0;

  double x(double time_s) const {
    const double share = (time_s - window.start_s) / (window.end_s - window.start_s);
    return left + kPlotWidth * std::clamp(share, 0.0, 1.0);
  }
  double y(int row) const { return top + kRowHeight * row; }
  double bottom() const { return top + kRowHeight * static_cast<double>(rows); }
};

std::string short_name(const std::string& name) {
  return name.size() <= kMostLetters ? name : name.substr(0, kMostLetters - 1) + "…";
}

std::string bar(double x0, double x1, double y, double height, const char* colour, const std::string& says) {
  return fmt::format(
      "<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" fill=\"{}\"><title>{}</title></rect>\n", x0,
      y, std::max(x1 - x0, 0.3), height, colour, svg_text(says));
}

std::string label(double x, double y, const char* anchor, const std::string& text, const char* more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor, more,
                     svg_text(text));
}

// 1, 2 or 5 times a power of ten, so that there are about ten ticks.
double tick_step(double span_s) {
  const double rough = span_s / 10;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough) return factor * power;
  return 10 * power;
}

struct TimeUnit {
  const char* name;
  double seconds;
};

TimeUnit unit_of(double longest_s) {
  if (longest_s >= 10) return {"s", 1};
  return longest_s >= 0.01 ? TimeUnit{"ms", 1e-3} : TimeUnit{"µs", 1e-6};
}

std::string axis(const Panel& panel) {
  const SimWindow& window = panel.window;
  const double step_s = tick_step(window.end_s - window.start_s);
  const TimeUnit unit = unit_of(window.end_s);
  const int decimals = std::max(0, -static_cast<int>(std::floor(std::log10(step_s / unit.seconds) + 1e-9)));
  std::string text;
  for (double tick = std::max(0.0, std::ceil(window.start_s / step_s - 1e-9));
       tick * step_s <= window.end_s * (1 + 1e-12); ++tick) {
    const double x = panel.x(tick * step_s);
    text += fmt::format("<path d=\"M{0:.1f},{1:.1f} V{2:.1f}\" stroke=\"#ccd\" stroke-width=\"0.7\"/>\n", x,
                        panel.top - 4, panel.bottom() + 4);
    text += label(x, panel.bottom() + 17, "middle", fmt::format("{:.{}f}", tick * step_s / unit.seconds, decimals));
  }
  return text + label(panel.left + kPlotWidth + 20, panel.bottom() + 17, "start", unit.name);
}

std::string span_svg(const Panel& panel, const SimPlan& plan, const SimSpan& span) {
  const Look& look = look_of(span.activity);
  const std::string& device = plan.stages[static_cast<std::size_t>(span.stage)].device;
  const double x0 = panel.x(span.start_s), x1 = panel.x(span.end_s), y = panel.y(span.stage) + 3 + look.top;
  const std::string says = fmt::format("{} {} frame {}: {}, from {} to {}{}", device, look.does, span.frame,
                                       seconds_in_short(span.end_s - span.start_s), seconds_in_short(span.start_s),
                                       seconds_in_short(span.end_s), span.cut_off ? ", then cut off" : "");
  std::string text = bar(x0, x1, y, look.height, span.frame % 2 == 0 ? look.colour : look.other, says);
  const std::string number = fmt::format("{}", span.frame);
  if (span.activity == SimActivity::compute && x1 - x0 > kDigit * static_cast<double>(number.size()) + 4)
    text += label((x0 + x1) / 2, y + 13, "middle", number, " fill=\"white\" pointer-events=\"none\"");
  return text;
}

// Where a device does nothing: what its bars leave of the window.
std::string waits_svg(const Panel& panel, const SimPlan& plan, const SimReport& report, int stage, double until_s) {
  std::vector<std::pair<double, double>> busy;
  for (const SimSpan& span : report.spans)
    if (span.stage == stage && span.end_s > panel.window.start_s && span.start_s < until_s)
      busy.emplace_back(span.start_s, span.end_s);
  busy.emplace_back(until_s, until_s);
  std::sort(busy.begin(), busy.end());
  std::string text;
  double free_s = panel.window.start_s;
  for (const auto& [start_s, end_s] : busy) {
    if (start_s - free_s > 1e-9 * until_s)
      text += bar(panel.x(free_s), panel.x(start_s), panel.y(stage) + 3 + kComputeTop, kComputeLane, kWaitColour,
                  fmt::format("{} waits {}, from {} to {}", plan.stages[static_cast<std::size_t>(stage)].device,
                              seconds_in_short(start_s - free_s), seconds_in_short(free_s), seconds_in_short(start_s)));
    free_s = std::max(free_s, end_s);
  }
  return text;
}

std::string row_svg(const Panel& panel, const SimPlan& plan, const SimReport& report, int stage) {
  const std::string& device = plan.stages[static_cast<std::size_t>(stage)].device;
  const double middle = panel.y(stage) + 3 + kComputeTop + kComputeLane / 2;
  std::string text = label(panel.left - 10, middle + 4, "end", short_name(device), " class=\"name\"");
  const bool stops = stage == report.stopped_stage && report.stopped_s < panel.window.end_s;
  const double until_s = stops ? std::max(report.stopped_s, panel.window.start_s) : panel.window.end_s;
  text += waits_svg(panel, plan, report, stage, until_s);
  if (stops)
    text += bar(panel.x(until_s), panel.x(panel.window.end_s), panel.y(stage) + 3, kRowHeight - 7, kStopColour,
                fmt::format("{} stopped at {}", device, seconds_in_short(report.stopped_s)));
  for (const SimSpan& span : report.spans)
    if (span.stage == stage && span.end_s > panel.window.start_s && span.start_s < panel.window.end_s)
      text += span_svg(panel, plan, span);
  return text + fmt::format("<path d=\"M{:.1f},{:.1f} h{:.1f}\" stroke=\"#ddd\" stroke-width=\"0.7\"/>\n", panel.left,
                            panel.y(stage + 1) - 2, kPlotWidth);
}

std::string legend(double left, bool stopped) {
  std::vector<std::pair<const char*, const char*>> entries;
  for (const SimActivity activity : {SimActivity::receive, SimActivity::compute, SimActivity::send})
    entries.emplace_back(look_of(activity).doing, look_of(activity).colour);
  entries.emplace_back("waiting", kWaitColour);
  if (stopped) entries.emplace_back("stopped", kStopColour);
  std::string text;
  for (const auto& [name, colour] : entries) {
    text += fmt::format("<rect x=\"{:.1f}\" y=\"38\" width=\"14\" height=\"10\" fill=\"{}\"/>\n", left, colour);
    text += label(left + 19, 47, "start", name);
    left += 104;
  }
  return text + label(left, 47, "start", "numbers are frames", " fill=\"#667\"");
}

// Starts after the one before it; dropped where nothing is left.
void add_window(std::vector<SimWindow>& windows, SimWindow window) {
  if (!windows.empty()) window.start_s = std::max(window.start_s, windows.back().end_s);
  if (window.end_s > window.start_s * (1 + 1e-9)) windows.push_back(std::move(window));
}

}  // namespace

std::string seconds_in_short(double seconds) {
  if (seconds == 0) return "0 s";
  const double size = std::abs(seconds);
  if (size >= 1) return fmt::format("{:.{}f} s", seconds, size < 10 ? 3 : size < 100 ? 2 : size < 1000 ? 1 : 0);
  if (size >= 1e-3) return fmt::format("{:.4g} ms", seconds * 1e3);
  return fmt::format("{:.4g} µs", seconds * 1e6);
}

std::vector<SimWindow> gantt_windows(const SimPlan& plan, const SimOptions& options, const SimReport& report) {
  SimOptions one;
  one.frames = 1;
  const double lone_s = simulate(plan, one).latency_p50_s;
  double period_s = std::max({full_load_period_s(plan), options.interval_s, report.period_s});
  if (period_s <= 0) period_s = std::max(report.end_s, 1e-6) / 10;
  const double first_s = std::min(lone_s + 4 * period_s, kMostPeriods * period_s);
  std::vector<SimWindow> windows;
  const double end_s = report.end_s > 0 ? report.end_s : period_s;
  add_window(windows, {"the first frames", 0, std::min(first_s, end_s)});
  const double stop_s = report.stopped_stage < 0 ? end_s : report.stopped_s;
  const double steady_s = std::max(stop_s / 2, first_s);
  add_window(windows, {"steady state", steady_s,
                       std::min(steady_s + kSteadyPeriods * period_s, std::max(0.0, stop_s - 6 * period_s))});
  if (report.stopped_stage < 0) return windows;
  const std::string& device = plan.stages[static_cast<std::size_t>(report.stopped_stage)].device;
  const char* how = report.end == SimEnd::battery_empty ? "the battery of {} is empty" : "{} fails";
  add_window(windows, {fmt::format(fmt::runtime(how), device), stop_s - 6 * period_s,
                       std::max(std::min(stop_s + 12 * period_s, end_s + period_s), stop_s + period_s)});
  return windows;
}

std::string gantt_svg(const SimPlan& plan, const SimOptions& options, const SimReport& report,
                      const std::string& heading) {
  std::size_t letters = 0;
  for (const SimStage& stage : plan.stages) letters = std::max(letters, std::min(stage.device.size(), kMostLetters));
  const double left = kMargin + kLetter * static_cast<double>(letters) + 14;
  const double panel_height = kTitleHeight + kRowHeight * static_cast<double>(plan.stages.size()) + kAxisHeight;
  const double width = left + kPlotWidth + 44;
  const double height = kHeadHeight + panel_height * static_cast<double>(options.windows.size()) + 12;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "font-family=\"sans-serif\" font-size=\"11\">\n<style>.name {{ font-weight: bold }}</style>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      width, height);
  text += label(kMargin, 24, "start", heading, " font-size=\"14\" class=\"name\"");
  text += legend(kMargin, report.stopped_stage >= 0);
  for (std::size_t i = 0; i < options.windows.size(); ++i) {
    const double top = kHeadHeight + panel_height * static_cast<double>(i) + kTitleHeight;
    const Panel panel{options.windows[i], left, top, plan.stages.size()};
    text += label(left, top - 8, "start", panel.window.title, " class=\"name\"");
    text += axis(panel);
    for (std::size_t stage = 0; stage < plan.stages.size(); ++stage)
      text += row_svg(panel, plan, report, static_cast<int>(stage));
  }
  return text + "</svg>\n";
}

}  // namespace cleave
