#include "engine/cli/eval_report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/cli/table.h"
#include "graphs/graph_text.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kFewest = 10;  // samples of a bin that is drawn

std::string name_of(const HeadReport& head) { return head.name.empty() ? "network" : head.name; }

std::string words_of(const Evaluation& evaluation) {
  if (evaluation.predict == "last") return "last";
  return fmt::format("mean of {}", evaluation.draws);
}

Json bins_of(const Calibration& calibration) {
  Json bins = Json::array();
  for (std::size_t b = 0; b < kReliabilityBins; ++b) {
    const ReliabilityBin& bin = calibration.bins[b];
    const double samples = static_cast<double>(bin.samples);
    bins.push_back({{"above", static_cast<double>(b) / kReliabilityBins},
                    {"to", static_cast<double>(b + 1) / kReliabilityBins},
                    {"samples", bin.samples},
                    {"accuracy", bin.samples == 0 ? Json() : Json(static_cast<double>(bin.correct) / samples)},
                    {"confidence", bin.samples == 0 ? Json() : Json(bin.confidence / samples)}});
  }
  return bins;
}

Json json_of(const EvalResult& result, const Evaluation& evaluation) {
  const EvaluateReport& report = evaluation.report;
  Json heads = Json::array();
  for (const HeadReport& head : report.heads)
    heads.push_back({{"name", head.name},
                     {"accuracy", head.accuracy},
                     {"cross_entropy", head.cross_entropy},
                     {"brier", head.calibration.brier()},
                     {"expected_calibration_error", head.calibration.expected_error()},
                     {"left", head.left},
                     {"left_share", head.left_share},
                     {"left_accuracy", head.left_accuracy},
                     {"reliability", bins_of(head.calibration)}});
  return {{"split", result.split},
          {"samples", report.run.samples},
          {"predict", evaluation.predict},
          {"draws", evaluation.predict == "last" ? Json() : Json(evaluation.draws)},
          {"accuracy", report.accuracy},
          {"early_exit", result.exit},
          {"compute_saved", report.compute_saved},
          {"samples_per_s", report.samples_per_s},
          {"seconds", report.run.seconds},
          {"modules", heads}};
}

Table table_of(const EvalResult& result) {
  const bool compares = result.evaluations.size() > 1;
  Table table{{"module"}, {}};
  if (compares) table.columns.emplace_back("weights");
  for (const char* column : {"accuracy %", "cross-entropy", "Brier", "ECE %"}) table.columns.emplace_back(column);
  if (result.leaves_early)
    for (const char* column : {"left", "left %", "accuracy of these %"}) table.columns.emplace_back(column);
  for (std::size_t h = 0; h < result.evaluations.front().report.heads.size(); ++h)
    for (const Evaluation& evaluation : result.evaluations) {
      const HeadReport& head = evaluation.report.heads[h];
      std::vector<std::string> row = {name_of(head)};
      if (compares) row.push_back(words_of(evaluation));
      for (const std::string& cell :
           {percent(head.accuracy), fmt::format("{:.4f}", head.cross_entropy),
            fmt::format("{:.4f}", head.calibration.brier()), percent(head.calibration.expected_error())})
        row.push_back(cell);
      if (result.leaves_early)
        for (const std::string& cell :
             {fmt::format("{}", head.left), percent(head.left_share), percent(head.left_accuracy)})
          row.push_back(cell);
      table.rows.push_back(row);
    }
  return table;
}

}  // namespace

std::string to_json(const EvalResult& result) {
  Json json = json_of(result, result.evaluations.back());
  if (result.evaluations.size() > 1) {
    Json compared = Json::array();
    for (std::size_t i = 0; i + 1 < result.evaluations.size(); ++i)
      compared.push_back(json_of(result, result.evaluations[i]));
    json["compared"] = compared;
  }
  return json.dump(2) + "\n";
}

std::string to_text(const EvalResult& result, const std::string& format) {
  std::string text = to_text(table_of(result), format);
  if (format != "text") return text;
  const Evaluation& asked = result.evaluations.back();
  text += fmt::format("\naccuracy of the answers {} %, {} {} samples, early exit {}", percent(asked.report.accuracy),
                      with_blanks(asked.report.run.samples), result.split, result.exit);
  if (result.leaves_early) text += fmt::format(", compute saved {} %", percent(asked.report.compute_saved));
  if (asked.predict != "last")
    text += fmt::format("\nanswers: probabilities averaged over {} draw{}", asked.draws, asked.draws == 1 ? "" : "s");
  for (const HeadReport& head : asked.report.heads)
    if (result.leaves_early && head.left == 0)
      text += fmt::format("\nno sample left at {}: nothing here reached its threshold", name_of(head));
  return text + fmt::format("\n{} samples/s, {:.2f} s\n",
                            with_blanks(static_cast<std::int64_t>(asked.report.samples_per_s)),
                            asked.report.run.seconds);
}

Chart reliability_chart(const EvalResult& result) {
  Chart chart{.title = "Reliability: is it right as often as it says?",
              .x_label = fmt::format("probability of the answer (mean of a bin; bins of {} samples and more)", kFewest),
              .y_label = "share that is right"};
  chart.series.push_back({.name = "as sure as right", .points = {{0, 0}, {1, 1}}, .dashed = true});
  for (const Evaluation& evaluation : result.evaluations)
    for (const HeadReport& head : evaluation.report.heads) {
      Series series;
      series.name = result.evaluations.size() > 1 ? name_of(head) + " " + words_of(evaluation) : name_of(head);
      for (const ReliabilityBin& bin : head.calibration.bins)
        if (bin.samples >= kFewest)
          series.points.emplace_back(bin.confidence / static_cast<double>(bin.samples),
                                     static_cast<double>(bin.correct) / static_cast<double>(bin.samples));
      chart.series.push_back(series);
    }
  return chart;
}

}  // namespace cleave
