// cleave eval: how good a model is on labelled data.
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/evaluation.h"
#include "engine/cli/samples.h"
#include "engine/cli/stop.h"
#include "engine/cli/table.h"
#include "graphs/graph_text.h"
#include "graphs/model_reader.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
  SwarmOptions swarm;
  std::string weights, exit;
  std::string split = "test";
  std::int64_t limit = 0;
};

std::string rule_text(const std::optional<EarlyExitSpec>& rule) {
  return rule ? fmt::format("{}={}", rule->rule, rule->threshold) : "off";
}

Json json_of(const EvaluateReport& report, const Options& options, const EvaluateOptions& how) {
  Json heads = Json::array();
  for (const HeadReport& head : report.heads)
    heads.push_back({{"name", head.name},
                     {"accuracy", head.accuracy},
                     {"cross_entropy", head.cross_entropy},
                     {"left", head.left},
                     {"left_share", head.left_share},
                     {"left_accuracy", head.left_accuracy}});
  return {{"split", options.split},
          {"samples", report.run.samples},
          {"accuracy", report.accuracy},
          {"early_exit", rule_text(how.early_exit)},
          {"compute_saved", report.compute_saved},
          {"samples_per_s", report.samples_per_s},
          {"seconds", report.run.seconds},
          {"modules", heads}};
}

std::string text_of(const EvaluateReport& report, const Options& options, const EvaluateOptions& how,
                    const std::string& format) {
  Table table{{"module", "accuracy %", "cross-entropy"}, {}};
  if (how.early_exit)
    for (const char* column : {"left", "left %", "accuracy of these %"}) table.columns.emplace_back(column);
  for (const HeadReport& head : report.heads) {
    std::vector<std::string> row = {head.name.empty() ? "network" : head.name, percent(head.accuracy),
                                    fmt::format("{:.4f}", head.cross_entropy)};
    if (how.early_exit)
      for (const std::string& cell :
           {fmt::format("{}", head.left), percent(head.left_share), percent(head.left_accuracy)})
        row.push_back(cell);
    table.rows.push_back(row);
  }
  std::string text = to_text(table, format);
  if (format != "text") return text;
  text += fmt::format("\naccuracy of the answers {} %, {} {} samples, early exit {}", percent(report.accuracy),
                      with_blanks(report.run.samples), options.split, rule_text(how.early_exit));
  if (how.early_exit) text += fmt::format(", compute saved {} %", percent(report.compute_saved));
  return text + fmt::format("\n{} samples/s, {:.2f} s\n", with_blanks(static_cast<std::int64_t>(report.samples_per_s)),
                            report.run.seconds);
}

// The batch the model states; where it states none, one that pays.
std::int64_t batch_of(const Model& model, std::int64_t in_flight) {
  const DocNode* stated = find_path(model.reading.doc, "inference.batch");
  if (stated != nullptr && stated->origin != "default") return model.reading.spec.inference.batch;
  return evaluation_batch(model.graph, in_flight);
}

ExitCode eval_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  const Model model = load_model(options.swarm.planning.file, common);
  refuse_unrunnable(model, "eval");
  note_unmeasured(model, log);
  const ModelSpec& spec = model.reading.spec;
  EvaluateOptions how;
  how.early_exit = early_exit_for(model, options.exit);
  const std::string key = "data." + options.split;
  const Dataset set =
      load_samples(model, options.split == "train" ? spec.data.train : spec.data.test, key, options.limit);
  if (set.labels.empty()) throw UserError(fmt::format("{}: the data set {} has no labels to score by", key, set.name));
  const Weights weights = weights_for(model, options.weights, log);
  how.flow.in_flight = spec.inference.in_flight;
  how.flow.batch = batch_of(model, how.flow.in_flight);
  how.flow.threads = thread_count(common);
  how.flow.stop = &watch_signals();
  const std::unique_ptr<SwarmJob> job =
      uses_swarm(options.swarm, model) ? prepare_swarm(options.swarm, common, log) : nullptr;
  const Samples samples{&set, &spec.input, all_of(set.count)};
  how.flow.batch = std::clamp<std::int64_t>(set.count, 1, how.flow.batch);
  const EvaluateReport report = answer_all(model, weights, job.get(), stream_of(samples), how);
  if (how.flow.stop->load()) throw Interrupted(fmt::format("stopped after {} samples", report.run.samples));
  if (common.format == "json") print_result(json_of(report, options, how).dump(2) + "\n");
  else print_result(text_of(report, options, how, common.format));
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_eval(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->swarm.planning.file, "model file")->required()->type_name("FILE");
  app.add_option("--weights", options->weights, "safetensors file; else the model's, else random weights")
      ->type_name("FILE");
  app.add_option("--split", options->split, "which of the model's data sets: data.test or data.train")
      ->check(CLI::IsMember({"test", "train"}))
      ->capture_default_str()
      ->type_name("test|train");
  app.add_option("--limit", options->limit, "score the first so many samples, 0 = all")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--exit", options->exit, early_exit_help())->type_name("RULE=X|off");
  add_planning_options(app, options->swarm.planning);
  add_swarm_options(app, options->swarm);
  return [options, &common] { return eval_command(*options, common); };
}

}  // namespace cleave
