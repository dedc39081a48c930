// cleave eval: how good a model is on labelled data.
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "engine/cli/eval_report.h"
#include "engine/cli/evaluation.h"
#include "engine/cli/evaluation_weights.h"
#include "engine/cli/samples.h"
#include "engine/cli/stop.h"
#include "graphs/model_reader.h"

namespace cleave {

namespace {

struct Options {
  SwarmOptions swarm;
  WeightOptions weights;
  std::string exit, reliability;
  std::string split = "test";
  std::int64_t limit = 0;
};

// The batch the model states; where it states none, one that pays.
std::int64_t batch_of(const Model& model, std::int64_t in_flight) {
  const DocNode* stated = find_path(model.reading.doc, "inference.batch");
  if (stated != nullptr && stated->origin != "default") return model.reading.spec.inference.batch;
  return evaluation_batch(model.graph, in_flight);
}

// The samples that training has not seen; the first `limit` of them, 0 = all.
std::vector<std::int64_t> held_out_of(const Dataset& set, const ModelSpec& spec, std::int64_t limit) {
  if (spec.data.validation_share <= 0)
    throw UserError("--split validation: the model holds no samples out; write data: {validation: {share: 10%}}");
  std::vector<std::int64_t> picks;
  hold_out(set.count, spec.data.validation_share, spec.seed, picks);
  if (limit > 0) picks.resize(std::min(picks.size(), static_cast<std::size_t>(limit)));
  return picks;
}

ExitCode eval_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  const Model model = load_model(options.swarm.planning.file, common);
  refuse_unrunnable(model, "eval");
  note_unmeasured(model, log);
  const ModelSpec& spec = model.reading.spec;
  EvaluateOptions how;
  how.early_exit = early_exit_for(model, options.exit);
  const bool held_out = options.split == "validation";
  const std::string key = held_out ? "data.train" : "data." + options.split;
  const Dataset set = load_samples(model, options.split == "test" ? spec.data.test : spec.data.train, key,
                                   held_out ? 0 : options.limit);
  if (set.labels.empty()) throw UserError(fmt::format("{}: the data set {} has no labels to score by", key, set.name));
  how.flow.in_flight = spec.inference.in_flight;
  how.flow.batch = std::clamp<std::int64_t>(set.count, 1, batch_of(model, how.flow.in_flight));
  how.flow.threads = thread_count(common);
  how.flow.stop = &watch_signals();
  const bool on_workers = uses_swarm(options.swarm, model);
  std::vector<Weights> draws = draws_for(model, options.weights, on_workers);
  const Weights weights = weights_for(model, options.weights, log);
  const std::unique_ptr<SwarmJob> job = on_workers ? prepare_swarm(options.swarm, common, log) : nullptr;
  const Samples samples{&set, &spec.input, held_out ? held_out_of(set, spec, options.limit) : all_of(set.count)};
  EvalResult result{options.split, rule_text(how.early_exit), how.early_exit.has_value(), {}};
  result.evaluations.push_back({"last", 0, answer_all(model, weights, job.get(), stream_of(samples), how)});
  const auto count = static_cast<std::int64_t>(draws.size());
  if (count > 0 && !how.flow.stop->load())
    result.evaluations.push_back(
        {"mean_of_draws", count, answer_by_draws(model, std::move(draws), stream_of(samples), how)});
  if (how.flow.stop->load())
    throw Interrupted(fmt::format("stopped after {} samples", result.evaluations.back().report.run.samples));
  if (!options.reliability.empty()) write_chart(options.reliability, reliability_chart(result));
  print_result(common.format == "json" ? to_json(result) : to_text(result, common.format));
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_eval(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->swarm.planning.file, "model file")->required()->type_name("FILE");
  add_weight_options(app, options->weights);
  app.add_option("--split", options->split,
                 "which of the model's data sets: data.test, data.train, or what data.validation holds out of "
                 "this")
      ->check(CLI::IsMember({"test", "train", "validation"}))
      ->capture_default_str()
      ->type_name("test|train|validation");
  app.add_option("--limit", options->limit, "score the first so many samples, 0 = all")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--exit", options->exit, early_exit_help())->type_name("RULE=X|off");
  app.add_option("--reliability", options->reliability,
                 "draw how often answers are right against how probable the model calls them (SVG)")
      ->type_name("FILE.svg");
  add_planning_options(app, options->swarm.planning);
  add_swarm_options(app, options->swarm);
  return [options, &common] { return eval_command(*options, common); };
}

}  // namespace cleave
