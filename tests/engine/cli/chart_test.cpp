#include "engine/cli/chart.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "engine/cli/chart_axes.h"
#include "ops/core/error.h"
#include "ops/core/file.h"
#include "tests/support/files.h"

namespace cleave {
namespace {

Chart of_all_kinds() {
  return {.title = "Loss & <bars>",
          .x_label = "step",
          .y_label = "loss (nats)",
          .series = {{.name = "m1", .points = {{0, 2.3}, {10, 1.1}, {20, 0.7}}},
                     {.name = "bars", .points = {{5, 1}, {15, 0.5}}, .bars = true},
                     {.name = "perfect", .points = {{0, 0}, {20, 2}}, .dashed = true}}};
}

std::vector<std::string> texts_of(const Axis& axis) {
  std::vector<std::string> texts;
  for (const Tick& tick : axis.ticks) texts.push_back(tick.text);
  return texts;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// The file was looked at in a browser before it became golden.
TEST(Chart, DrawsLinesBarsAndALegendAsInTheGoldenFile) {
  const std::string file = std::string(CLEAVE_SOURCE_DIR) + "/tests/golden/chart.svg";
  const Bytes golden = read_file(file, 1 << 20);
  EXPECT_EQ(to_svg(of_all_kinds()), std::string(golden.begin(), golden.end()));
}

TEST(Chart, NamesStandUnderTheirBars) {
  const std::string svg = to_svg({.series = {{.points = {{0, 1}, {1, 2}}, .bars = true}}, .x_names = {"a<b", "two"}});
  EXPECT_EQ(texts_of(named_axis({"a<b", "two"})), (std::vector<std::string>{"a<b", "two"}));
  EXPECT_DOUBLE_EQ(named_axis({"a<b", "two"}).place(0), 0.25);
  EXPECT_NE(svg.find(">a&lt;b</text>"), std::string::npos);
  EXPECT_NE(svg.find(">two</text>"), std::string::npos);
}

TEST(Chart, EscapesWhatWouldBeATag) {
  const std::string svg = to_svg(of_all_kinds());
  EXPECT_NE(svg.find("Loss &amp; &lt;bars&gt;"), std::string::npos);
}

TEST(Chart, SaysThatItHasNoPoints) {
  EXPECT_NE(to_svg({}).find("no points to show"), std::string::npos);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_NE(to_svg({.series = {{.points = {{1, nan}}}}}).find("no points to show"), std::string::npos);
  EXPECT_NE(to_svg({.series = {{.points = {{1, 0}}}}, .log_y = true}).find("no points to show"), std::string::npos);
}

TEST(Chart, InterruptsALineWhereAPointIsNotFinite) {
  const double inf = std::numeric_limits<double>::infinity();
  const std::string svg = to_svg({.series = {{.points = {{0, 1}, {1, 2}, {2, inf}, {3, 1}, {4, 2}}}}});
  const std::string line = svg.substr(svg.rfind("<path d=\"M", svg.find("stroke=\"#0072b2\"")));
  EXPECT_EQ(count_of(line.substr(0, line.find('>')), "M"), 2);
  EXPECT_EQ(count_of(svg, "<circle"), 4);
}

TEST(Chart, KeepsTheExtremesOfAVeryLongLine) {
  Series series;
  for (int i = 0; i < 100000; ++i) series.points.emplace_back(i, i == 77777 ? 100 : i % 2);
  const std::string svg = to_svg({.series = {series}});
  EXPECT_LT(svg.size(), 60000U);
  EXPECT_NE(svg.find(",44.0 "), std::string::npos);  // 100 stands at the top
}

TEST(Chart, IsWrittenIntoAFolderThatIsMade) {
  const TestFolder folder;
  const std::string file = folder.path("deep/er/c.svg");
  write_chart(file, of_all_kinds());
  const Bytes bytes = read_file(file, 1 << 20);
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), to_svg(of_all_kinds()));
  EXPECT_THROW(write_chart(file + "/below_a_file.svg", of_all_kinds()), RunError);
}

TEST(Axis, BeginsAndEndsAtRoundNumbers) {
  EXPECT_EQ(texts_of(linear_axis(0.12, 0.93, 6)), (std::vector<std::string>{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}));
  EXPECT_EQ(texts_of(linear_axis(-3, 12000, 3)),
            (std::vector<std::string>{"-5 000", "0", "5 000", "10 000", "15 000"}));
  EXPECT_EQ(texts_of(linear_axis(3, 3, 4)), (std::vector<std::string>{"1", "2", "3", "4", "5"}));
  EXPECT_EQ(texts_of(linear_axis(0, 0, 4)), (std::vector<std::string>{"-1.0", "-0.5", "0.0", "0.5", "1.0"}));
}

TEST(Axis, IsOfWholePowersOfTenOnALogarithm) {
  EXPECT_EQ(texts_of(log_axis(0.002, 3)), (std::vector<std::string>{"0.001", "0.01", "0.1", "1", "10"}));
  EXPECT_EQ(texts_of(log_axis(100, 100)), (std::vector<std::string>{"10", "100"}));
  EXPECT_LE(log_axis(1e-300, 1e300).ticks.size(), 10U);
  EXPECT_NEAR(log_axis(0.01, 100).place(1), 0.5, 1e-12);
}

TEST(Axis, HoldsEveryRange) {
  for (const double high : {1e-12, 0.3, 7.0, 1e9, 1e300})
    for (const double low : {-1e300, -5.0, 0.0, 1e-12}) {
      if (low > high) continue;
      const Axis axis = linear_axis(low, high, 6);
      const double little = 1e-8 * (axis.high - axis.low);
      EXPECT_LE(axis.low, low + little);
      EXPECT_GE(axis.high, high - little);
      EXPECT_LE(axis.ticks.size(), 9U);
    }
}

TEST(Histogram, SharesAddUpToOneAlsoOfWhatIsOutside) {
  const Series series = histogram("w", {-5, -0.9F, 0.1F, 0.2F, 0.99F, 1, 7}, -1, 1, 4);
  ASSERT_EQ(series.points.size(), 4);
  EXPECT_DOUBLE_EQ(series.points.front().first, -0.75);
  double sum = 0;
  for (const auto& point : series.points) sum += point.second;
  EXPECT_DOUBLE_EQ(sum, 1);
  EXPECT_DOUBLE_EQ(series.points.back().second, 3.0 / 7);
  EXPECT_EQ(histogram("", {}, 0, 1, 3).points[1].second, 0);
}

}  // namespace
}  // namespace cleave
