#include "partitioner/gantt.h"

#include <algorithm>
#include <regex>

#include <gtest/gtest.h>

namespace cleave {

namespace {

SimPlan pipeline(int stages) {
  SimPlan plan;
  for (int i = 0; i < stages; ++i) {
    SimStage stage;
    stage.device = "d" + std::to_string(i);
    stage.compute_s = 0.03 + 0.004 * (i * 5 % 7);
    stage.to = i + 1 < stages ? i + 1 : -1;
    stage.send_s = stage.to < 0 ? 0 : 0.012;
    plan.stages.push_back(stage);
  }
  return plan;
}

struct Drawn {
  SimOptions options;
  SimReport report;
  std::string svg;
};

// As the program does it: the windows come from a first run.
Drawn draw(const SimPlan& plan, SimOptions options) {
  options.windows = gantt_windows(plan, options, simulate(plan, options));
  const SimReport report = simulate(plan, options);
  return {options, report, gantt_svg(plan, options, report, "a <b> & c")};
}

std::int64_t count(const std::string& text, const std::string& part) {
  std::int64_t found = 0;
  for (std::size_t place = text.find(part); place != std::string::npos; place = text.find(part, place + 1)) ++found;
  return found;
}

// The numbers a pattern catches.
std::vector<double> numbers(const std::string& text, const std::string& pattern) {
  std::vector<double> found;
  const std::regex regex(pattern);
  for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match)
    found.push_back(std::stod((*match)[1]));
  return found;
}

}  // namespace

TEST(Gantt, ShowsTheFirstFramesAndSteadyState) {
  const Drawn drawn = draw(pipeline(3), {.frames = 200});
  ASSERT_EQ(drawn.options.windows.size(), 2U);
  EXPECT_EQ(drawn.options.windows[0].start_s, 0);
  EXPECT_GE(drawn.options.windows[1].start_s, drawn.options.windows[0].end_s);
  EXPECT_NEAR(drawn.options.windows[1].start_s, drawn.report.end_s / 2, 1e-9);
  EXPECT_LT(drawn.options.windows[1].end_s, drawn.report.end_s);
}

TEST(Gantt, OfAShortRunHasOnePanelWithAllOfIt) {
  const Drawn drawn = draw(pipeline(3), {.frames = 2});
  ASSERT_EQ(drawn.options.windows.size(), 1U);
  EXPECT_EQ(drawn.options.windows[0].end_s, drawn.report.end_s);
}

TEST(Gantt, ShowsAFailure) {
  const Drawn drawn = draw(pipeline(3), {.frames = 500, .fail_stage = 1, .fail_s = 10});
  const SimWindow& last = drawn.options.windows.back();
  EXPECT_EQ(last.title, "d1 fails");
  EXPECT_TRUE(last.start_s < 10 && last.end_s > 10);
  EXPECT_EQ(count(drawn.svg, "<title>d1 stopped at 10.00 s</title>"), 1);
  EXPECT_GE(count(drawn.svg, ", then cut off</title>"), 1);
}

TEST(Gantt, HasARowForEachDeviceInEachPanel) {
  const Drawn drawn = draw(pipeline(12), {.frames = 300});
  for (int i = 0; i < 12; ++i) EXPECT_EQ(count(drawn.svg, ">d" + std::to_string(i) + "</text>"), 2) << i;
}

TEST(Gantt, SaysOnHoverWhatABarIs) {
  const Drawn drawn = draw(pipeline(2), {.frames = 3});
  EXPECT_EQ(count(drawn.svg, "<title>d0 computes frame 0: 30 ms, from 0 s to 30 ms</title>"), 1);
  EXPECT_EQ(count(drawn.svg, "<title>d0 sends frame 0: 12 ms, from 30 ms to 42 ms</title>"), 1);
  EXPECT_EQ(count(drawn.svg, "<title>d1 receives frame 0: 12 ms, from 30 ms to 42 ms</title>"), 1);
  EXPECT_EQ(count(drawn.svg, "<title>d1 waits 30 ms, from 0 s to 30 ms</title>"), 1);
}

TEST(Gantt, BarsAndWaitsOfADeviceFillItsRow) {
  SimPlan plan = pipeline(4);
  plan.model = SimModel::summed;
  const Drawn drawn = draw(plan, {.frames = 200, .jitter = 0.2});
  ASSERT_EQ(drawn.options.windows.size(), 2U);
  const std::vector<double> widths =
      numbers(drawn.svg, "width=\"([0-9.]+)\" height=\"[0-9.]+\" fill=\"#[0-9a-f]+\"><title>");
  double sum = 0;
  for (const double width : widths) sum += width;
  EXPECT_NEAR(sum, 2 * 4 * 1080, 0.005 * 2 * 4 * 1080);  // one thing at a time: nothing is drawn twice
}

TEST(Gantt, StaysOnThePage) {
  const Drawn drawn = draw(pipeline(12), {.frames = 400, .jitter = 0.5, .fail_stage = 3, .fail_s = 12});
  const double width = numbers(drawn.svg, "<svg [^>]* width=\"([0-9]+)\"").front();
  const double height = numbers(drawn.svg, "<svg [^>]* height=\"([0-9]+)\"").front();
  for (const double x : numbers(drawn.svg, " x=\"([-0-9.]+)\"")) EXPECT_TRUE(x >= 0 && x <= width) << x;
  for (const double y : numbers(drawn.svg, " y=\"([-0-9.]+)\"")) EXPECT_TRUE(y >= 0 && y <= height) << y;
}

TEST(Gantt, EscapesNames) {
  SimPlan plan = pipeline(2);
  plan.stages[1].device = "<x> & y";
  const Drawn drawn = draw(plan, {.frames = 3});
  EXPECT_EQ(count(drawn.svg, "<x>"), 0);
  EXPECT_EQ(count(drawn.svg, "<b>"), 0);
  EXPECT_EQ(count(drawn.svg, ">&lt;x&gt; &amp; y</text>"), 1);
}

TEST(Gantt, SharesOutADozenTicks) {
  for (const double compute_s : {3e-6, 0.004, 0.9, 70.0}) {
    SimPlan plan = pipeline(2);
    plan.stages[0].compute_s = compute_s;
    const Drawn drawn = draw(plan, {.frames = 3});
    const std::int64_t ticks = count(drawn.svg, "stroke=\"#ccd\"");
    EXPECT_TRUE(ticks >= 4 && ticks <= 12) << ticks;
  }
}

TEST(Gantt, TimesHaveFourDigitsThatMatter) {
  EXPECT_EQ(seconds_in_short(0), "0 s");
  EXPECT_EQ(seconds_in_short(0.0000031), "3.1 µs");
  EXPECT_EQ(seconds_in_short(0.04052), "40.52 ms");
  EXPECT_EQ(seconds_in_short(1.5), "1.500 s");
  EXPECT_EQ(seconds_in_short(12345.6), "12346 s");
}

}  // namespace cleave
