// cleave exits: what early exits save and cost, and the thresholds to take.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "engine/cli/evaluation.h"
#include "engine/cli/evaluation_weights.h"
#include "engine/cli/exits_report.h"
#include "engine/cli/samples.h"
#include "engine/cli/stop.h"
#include "graphs/graph_text.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

struct Options {
  std::string model;
  WeightOptions weights;
  std::string rule = "max_probability", loss = "0.5%", share = "10%";
};

// "0.5%" or "0.005" as a share from 0 to `most`.
double share_of(const std::string& option, const std::string& text, double most) {
  const bool per_cent = text.ends_with('%');
  const char* end = text.data() + text.size() - (per_cent ? 1 : 0);
  double share = -1;
  const auto [at, error] = std::from_chars(text.data(), end, share);
  if (per_cent) share /= 100;
  if (error != std::errc() || at != end || !(share >= 0 && share <= most))
    throw UserError(
        fmt::format("{} {}: write a share from 0% to {}%, as in {} 0.5%", option, text, 100 * most, option));
  return share;
}

// Runs all samples and notes what each head says of them.
ExitSamples ask_all(const Model& model, const Weights& weights, const std::vector<Weights>& draws,
                    const std::string& rule, const Samples& samples, EvaluateOptions how) {
  ExitSamples asked{compute_shares(model.graph), {}, {}};
  how.flow.batch = std::clamp<std::int64_t>(static_cast<std::int64_t>(samples.picks.size()), 1,
                                            evaluation_batch(model.graph, how.flow.in_flight));
  how.on_heads = [&](std::int32_t label, std::span<const HeadAnswer> heads) {
    for (const HeadAnswer& head : heads) {
      asked.sureness.push_back(rule == "entropy" ? -head.entropy : head.probability);
      asked.right.push_back(head.answer == label ? 1 : 0);
    }
  };
  if (draws.empty()) answer_all(model, weights, nullptr, stream_of(samples), how);
  else answer_by_draws(model, draws, stream_of(samples), how);
  if (how.flow.stop->load()) throw Interrupted("stopped; nothing was chosen");
  return asked;
}

// Samples to choose by: those training has held out, else a share of those it has seen, with a note.
Samples to_choose_by(const Model& model, const Dataset& set, double share, Log& log) {
  const ModelSpec& spec = model.reading.spec;
  const bool held_out = spec.data.validation_share > 0;
  if (!held_out)
    log.note(
        "the model holds no samples out (data.validation): thresholds are chosen on samples it may have been trained "
        "on, where it is surer than it should be");
  Samples samples{&set, &spec.input, {}};
  hold_out(set.count, held_out ? spec.data.validation_share : share, spec.seed, samples.picks);
  return samples;
}

// One threshold for all heads, from the strictest on.
void try_same(const ExitSamples& samples, ExitsResult& result) {
  result.thresholds = {1, 0.999, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3};
  if (result.rule == "entropy") result.thresholds = {0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5};
  for (const double threshold : result.thresholds)
    result.same.push_back(
        at_thresholds(samples, std::vector<double>(samples.heads() - 1, as_stated(result.rule, threshold))));
}

void write_files(const ExitsResult& result, const std::string& folder) {
  write_chart((std::filesystem::path(folder) / "exits.svg").string(), exits_chart(result));
  const std::string text = exits_yaml(result);
  write_file_atomically((std::filesystem::path(folder) / "exits.yaml").string(),
                        ByteSpan(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

void refuse_one_head(const Model& model) {
  std::size_t heads = 0;
  for (const Module& module : model.graph.modules) heads += module.head == NodeId::none ? 0 : 1;
  if (heads < 2) throw UserError("the network has one head, there is nothing to leave early from");
}

ExitCode exits_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  const Model model = load_model(options.model, common);
  refuse_unrunnable(model, "exits");
  refuse_one_head(model);
  const ModelSpec& spec = model.reading.spec;
  ExitsResult result;
  result.rule = options.rule;
  result.loss = share_of("--loss", options.loss, 1);
  const double share = share_of("--share", options.share, 0.9);
  const std::vector<Weights> draws = draws_for(model, options.weights, false);
  const Weights weights = draws.empty() ? weights_for(model, options.weights, log) : Weights{};
  EvaluateOptions how;
  how.flow.in_flight = spec.inference.in_flight;
  how.flow.threads = thread_count(common);
  how.flow.stop = &watch_signals();
  const Dataset train = load_samples(model, spec.data.train, "data.train");
  const Samples held_out = to_choose_by(model, train, share, log);
  result.chosen_on =
      fmt::format("{} samples {} data.train", with_blanks(static_cast<std::int64_t>(held_out.picks.size())),
                  spec.data.validation_share > 0 ? "held out of" : "of");
  const ExitSamples asked = ask_all(model, weights, draws, options.rule, held_out, how);
  for (const Module& module : model.graph.modules) result.modules.push_back(module.name);
  try_same(asked, result);
  result.best = best_exits(asked);
  result.none = at_thresholds(asked, std::vector<double>(asked.heads() - 1, kNeverLeaves));
  const ExitPoint chosen = choose_exits(asked, result.best, result.loss);
  result.chosen = at_thresholds(asked, as_written(options.rule, chosen.thresholds));
  if (!spec.data.test.dataset.empty()) {
    const Dataset test = load_samples(model, spec.data.test, "data.test");
    const ExitSamples of_test =
        ask_all(model, weights, draws, options.rule, {&test, &spec.input, all_of(test.count)}, how);
    result.has_test = true;
    result.test_none = at_thresholds(of_test, result.none.thresholds);
    result.test_chosen = at_thresholds(of_test, result.chosen.thresholds);
  }
  if (!common.out_dir.empty()) write_files(result, common.out_dir);
  print_result(common.format == "json" ? to_json(result) : to_text(result, common.format));
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_exits(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "model file")->required()->type_name("FILE");
  add_weight_options(app, options->weights);
  app.add_option("--loss", options->loss, "accuracy that may be given up for compute, a share of all samples")
      ->capture_default_str()
      ->type_name("SHARE");
  app.add_option("--rule", options->rule, "what says that an answer is sure")
      ->check(CLI::IsMember({"max_probability", "entropy"}))
      ->capture_default_str()
      ->type_name("max_probability|entropy");
  app.add_option("--share", options->share,
                 "share of data.train to choose by, where the model holds none out (data.validation)")
      ->capture_default_str()
      ->type_name("SHARE");
  return [options, &common] { return exits_command(*options, common); };
}

}  // namespace cleave
