#include "engine/cli/exits_report.h"

#include <cmath>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "engine/cli/table.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

std::string threshold_text(const std::string& rule, double sureness) {
  return sureness == kNeverLeaves ? "never" : fmt::format("{:.6g}", as_stated(rule, sureness));
}

Json json_of(const ExitsResult& result, const ExitPoint& point) {
  Json thresholds = Json::object();
  for (std::size_t h = 0; h < point.thresholds.size(); ++h)
    thresholds[result.modules[h]] =
        point.thresholds[h] == kNeverLeaves ? Json("never") : Json(as_stated(result.rule, point.thresholds[h]));
  return {
      {"accuracy", point.accuracy}, {"compute_saved", point.saved}, {"thresholds", thresholds}, {"left", point.left}};
}

Json json_of(const ExitsResult& result, const std::vector<ExitPoint>& points) {
  Json list = Json::array();
  for (const ExitPoint& point : points) list.push_back(json_of(result, point));
  return list;
}

Table curve_of(const ExitsResult& result) {
  Table table{{result.rule, "accuracy %", "compute saved %"}, {}};
  for (std::size_t i = 0; i < result.same.size(); ++i)
    table.rows.push_back(
        {fmt::format("{:g}", result.thresholds[i]), percent(result.same[i].accuracy), percent(result.same[i].saved)});
  return table;
}

Table modules_of(const ExitsResult& result) {
  Table table{{"module", "threshold", "left"}, {}};
  if (result.has_test) table.columns.emplace_back("left, test");
  for (std::size_t h = 0; h < result.modules.size(); ++h) {
    const bool last = h + 1 == result.modules.size();
    table.rows.push_back({result.modules[h], last ? "-" : threshold_text(result.rule, result.chosen.thresholds[h]),
                          fmt::format("{}", result.chosen.left[h])});
    if (result.has_test) table.rows.back().push_back(fmt::format("{}", result.test_chosen.left[h]));
  }
  return table;
}

std::string line_of(const std::string& where, const ExitPoint& none, const ExitPoint& chosen) {
  return fmt::format("{}: accuracy {} % with exits, {} % without; compute saved {} %\n", where,
                     percent(chosen.accuracy), percent(none.accuracy), percent(chosen.saved));
}

Series series_of(const std::string& name, const std::vector<ExitPoint>& points) {
  Series series{.name = name};
  for (const ExitPoint& point : points) series.points.emplace_back(100 * point.saved, 100 * point.accuracy);
  return series;
}

}  // namespace

double as_stated(const std::string& rule, double sureness) { return rule == "entropy" ? 0.0 - sureness : sureness; }

std::vector<double> as_written(const std::string& rule, const std::vector<double>& sureness) {
  std::vector<double> rounded;
  for (const double one : sureness) {
    const double stated = std::strtod(fmt::format("{:.6g}", as_stated(rule, one)).c_str(), nullptr);
    rounded.push_back(one == kNeverLeaves ? one : as_stated(rule, stated));
  }
  return rounded;
}

std::string to_json(const ExitsResult& result) {
  Json json = {{"rule", result.rule},
               {"chosen_on", result.chosen_on},
               {"loss", result.loss},
               {"without", json_of(result, result.none)},
               {"chosen", json_of(result, result.chosen)}};
  json["test"] = nullptr;
  if (result.has_test)
    json["test"] = {{"without", json_of(result, result.test_none)}, {"chosen", json_of(result, result.test_chosen)}};
  json["one_threshold"] = json_of(result, result.same);
  json["one_each"] = json_of(result, result.best);
  return json.dump(2) + "\n";
}

std::string to_text(const ExitsResult& result, const std::string& format) {
  if (format != "text") return to_text(curve_of(result), format);
  std::string text =
      fmt::format("one threshold for all modules, on {}\n\n{}", result.chosen_on, to_text(curve_of(result), format));
  text += fmt::format("\nchosen for a loss of accuracy of at most {} %\n\n{}\n", percent(result.loss),
                      to_text(modules_of(result), format));
  text += line_of("held out", result.none, result.chosen);
  if (result.has_test) text += line_of("test", result.test_none, result.test_chosen);
  for (std::size_t h = 0; h + 1 < result.modules.size(); ++h)
    if (result.chosen.thresholds[h] == kNeverLeaves)
      text += fmt::format("no threshold of {} pays at this loss\n", result.modules[h]);
  return text + "\n" + exits_yaml(result);
}

Chart exits_chart(const ExitsResult& result) {
  Chart chart{.title = "Early exits: accuracy against compute saved",
              .x_label = "compute saved (% of multiply-adds)",
              .y_label = "accuracy (%), on held-out samples"};
  std::vector<ExitPoint> same(result.same.rbegin(), result.same.rend());
  chart.series = {series_of("one threshold", same), series_of("one each", result.best),
                  series_of("taken", {result.chosen})};
  return chart;
}

std::string exits_yaml(const ExitsResult& result) {
  std::vector<std::string> own;
  for (std::size_t h = 0; h + 1 < result.modules.size(); ++h)
    own.push_back(fmt::format("{}: {}", result.modules[h], threshold_text(result.rule, result.chosen.thresholds[h])));
  const double strictest = result.rule == "entropy" ? 0 : 1;
  return fmt::format("inference:\n  early_exit:\n    rule: {{{}: {}}}\n    thresholds: {{{}}}\n", result.rule,
                     strictest, fmt::join(own, ", "));
}

}  // namespace cleave
