#include "engine/cli/evaluation_weights.h"

#include <filesystem>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "engine/cli/samples.h"
#include "engine/runtime/draw_ensemble.h"
#include "engine/train/draw_files.h"
#include "graphs/weights_file.h"

namespace cleave {

namespace fs = std::filesystem;

namespace {

// RUN/weights/last.safetensors -> RUN, where it is a run with draws; else "".
std::string run_of(const std::string& weights) {
  const fs::path run = fs::path(weights).parent_path().parent_path();
  std::error_code ignored;
  const bool is_run = fs::path(weights).parent_path().filename() == "weights" &&
                      (fs::is_directory(run / "draws", ignored) || fs::is_directory(run / "chains", ignored));
  if (!is_run) return "";
  return run.empty() ? "." : run.string();
}

}  // namespace

void add_weight_options(CLI::App& app, WeightOptions& options) {
  app.add_option("--weights", options.weights, "safetensors file; else the model's, else random weights")
      ->type_name("FILE");
  app.add_option("--predict", options.predict,
                 "from the last weights, or averaged over the draws kept in training; else as the model says")
      ->check(CLI::IsMember({"last", "mean_of_draws"}))
      ->type_name("last|mean_of_draws");
  app.add_option("--draws", options.draws, "run folder, or a folder of its draws, to average over")->type_name("DIR");
}

Weights weights_for(const Model& model, const WeightOptions& options, Log& log) {
  const ModelSpec& spec = model.reading.spec;
  if (!options.weights.empty()) return read_weights(options.weights, model.graph);
  const std::string last = (fs::path(options.draws) / "weights" / "last.safetensors").string();
  if (!options.draws.empty() && is_file(last)) return read_weights(last, model.graph);
  if (!spec.weights_file.empty()) return read_weights(beside_model(spec, spec.weights_file), model.graph);
  log.note(
      fmt::format("no weights given: random ones of seed {} answer; --weights FILE takes trained ones", spec.seed));
  return initial_weights(model.graph, spec.seed);
}

std::vector<Weights> draws_for(const Model& model, const WeightOptions& options, bool on_workers) {
  const std::string draws = options.draws.empty() ? run_of(options.weights) : options.draws;
  if (options.predict == "last" && !options.draws.empty())
    throw UserError("--draws are for --predict mean_of_draws; leave one of the two out");
  const bool asked = options.predict == "mean_of_draws" || !options.draws.empty();
  if (!asked && (options.predict == "last" || !model.reading.spec.inference.mean_of_draws)) return {};
  if (on_workers)
    throw UserError(
        "predict: mean_of_draws runs every draw on every sample, which is done in one process: add --here, or answer "
        "with --predict last");
  if (draws.empty())
    throw UserError("predict: mean_of_draws needs --draws RUN, a run folder of a training that kept draws");
  std::vector<Weights> all;
  for (const std::string& file : find_draws(draws)) all.push_back(read_weights(file, model.graph));
  return all;
}

EvaluateReport answer_by_draws(const Model& model, std::vector<Weights> draws, const LabelledSource& source,
                               EvaluateOptions options, const std::function<void(const Prediction&)>& on_prediction) {
  DrawEnsemble ensemble = ensemble_of(model.graph, std::move(draws));
  options.averaged = ensemble.heads;
  options.flow.batch = std::min(options.flow.batch, evaluation_batch(ensemble.graph, options.flow.in_flight));
  return evaluate(ensemble.graph, std::move(ensemble.weights), source, options, on_prediction);
}

}  // namespace cleave
