// The curves of `prune` as text, JSON and a picture.
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/cli/prune_curve.h"
#include "engine/cli/table.h"
#include "graphs/graph_text.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

constexpr double kCheap = 0.02;  // of accuracy: what counts as costing little

const char* held_out_word(const PruneCurve& curve) { return curve.held_out_of_train ? "held out" : "train"; }

std::string block_text(const PruneOptions& options) { return fmt::format("{}x{}", options.rows, options.columns); }

Json json_of(const PruneCurve& curve, bool test) {
  Json points = Json::array();
  for (const PrunePoint& point : curve.points) {
    Json json = {{"level", point.level}, {"zeros", point.zeros}, {"held_out_accuracy", point.held_out}};
    if (test) json["test_accuracy"] = point.test;
    points.push_back(json);
  }
  Json json = {{"run", curve.name},
               {"held_out_of_training", curve.held_out_of_train},
               {"held_out_images", curve.held_out_images},
               {"prunable_weights", curve.prunable},
               {"largest_level_within_2_points", largest_level(curve, kCheap)},
               {"points", points}};
  if (test) json["test_images"] = curve.test_images;
  return json;
}

std::string json_text(const std::vector<PruneCurve>& curves, const PruneQuestion& question) {
  Json json = {{"by", to_text(question.by)},
               {"per_layer", question.options.per_layer},
               {"block", block_text(question.options)},
               {"biases", question.options.biases},
               {"runs", Json::array()}};
  for (const PruneCurve& curve : curves) json["runs"].push_back(json_of(curve, question.test));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// A run's number in columns, where there are several.
std::string numbered(std::size_t run, std::size_t runs, const std::string& column) {
  return runs == 1 ? column : fmt::format("{}: {}", run + 1, column);
}

Table table_of(const std::vector<PruneCurve>& curves, const PruneQuestion& question) {
  Table table{{"pruned %"}, {}};
  for (std::size_t r = 0; r < curves.size(); ++r) {
    table.columns.push_back(numbered(r, curves.size(), "zeros %"));
    table.columns.push_back(numbered(r, curves.size(), fmt::format("{} %", held_out_word(curves[r]))));
    table.columns.push_back(numbered(r, curves.size(), "cost"));
    if (question.test) table.columns.push_back(numbered(r, curves.size(), "test %"));
  }
  for (std::size_t p = 0; p < question.levels.size(); ++p) {
    std::vector<std::string> row = {fmt::format("{:.4g}", 100 * question.levels[p])};
    for (const PruneCurve& curve : curves) {
      const PrunePoint& point = curve.points[p];
      row.push_back(percent(point.zeros));
      row.push_back(percent(point.held_out));
      row.push_back(percent(curve.points.front().held_out - point.held_out));
      if (question.test) row.push_back(percent(point.test));
    }
    table.rows.push_back(row);
  }
  return table;
}

std::string explanation(const std::vector<PruneCurve>& curves, const PruneQuestion& question) {
  std::string text = fmt::format("\nby {}, {}, blocks of {}, biases {}\n", to_text(question.by),
                                 question.options.per_layer ? "every layer by itself" : "all layers together",
                                 block_text(question.options), question.options.biases ? "too" : "left alone");
  for (std::size_t r = 0; r < curves.size(); ++r) {
    const PruneCurve& curve = curves[r];
    text += fmt::format("{}: {} weights may be pruned; {} images {}", numbered(r, curves.size(), curve.name),
                        with_blanks(curve.prunable), with_blanks(curve.held_out_images),
                        curve.held_out_of_train ? "held out of training" : "of the training data (none are held out)");
    if (question.test) text += fmt::format(", {} of the test data", with_blanks(curve.test_images));
    text += fmt::format("\n  costs at most {:g} points up to {:.4g} %, by the {} images\n", 100 * kCheap,
                        100 * largest_level(curve, kCheap), held_out_word(curve));
  }
  return text;
}

}  // namespace

std::string to_text(const std::vector<PruneCurve>& curves, const PruneQuestion& question, const std::string& format) {
  if (format == "json") return json_text(curves, question);
  const std::string table = to_text(table_of(curves, question), format);
  return format == "text" ? table + explanation(curves, question) : table;
}

Chart chart_of(const std::vector<PruneCurve>& curves, const PruneQuestion& question) {
  Chart chart{fmt::format("accuracy of pruned networks, by {}", to_text(question.by)),
              question.options.per_layer ? "pruned, % of every layer" : "pruned, % of all weights",
              fmt::format("accuracy on {} images, %", curves.front().held_out_of_train ? "held-out" : "training"),
              {},
              false};
  for (const PruneCurve& curve : curves) {
    const std::filesystem::path path = curve.name;
    const std::string name = (path.has_filename() ? path : path.parent_path()).filename().string();
    Series held_out{name, {}, false, false};
    Series test{name + ", test", {}, false, true};
    for (const PrunePoint& point : curve.points) {
      held_out.points.emplace_back(100 * point.level, 100 * point.held_out);
      test.points.emplace_back(100 * point.level, 100 * point.test);
    }
    chart.series.push_back(held_out);
    if (question.test) chart.series.push_back(test);
  }
  return chart;
}

}  // namespace cleave
