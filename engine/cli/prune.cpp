// cleave prune: how much of a network can be left out, and the network without it.
#include <charconv>
#include <memory>
#include <sstream>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "engine/cli/prune_curve.h"
#include "graphs/graph_text.h"
#include "graphs/scalars.h"
#include "graphs/weights_file.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

struct Options {
  std::vector<std::string> runs;
  std::string weights, by = "magnitude", block = "1x1", level, output, svg;
  std::string levels = "0%,10%,20%,30%,40%,50%,60%,70%,80%,90%,95%,98%,99%";
  PruneQuestion question;
};

double share_of(const std::string& text, const char* option) {
  const FieldDef field{option, Kind::quantity, "", nullptr, false, 0, 1, Unit::share};
  const ScalarResult result = read_scalar(text, false, field, option);
  if (const auto* value = std::get_if<ParamValue>(&result)) return std::get<double>(*value);
  const auto& fault = std::get<ScalarFault>(result);
  throw UserError(fmt::format("{}{}", fault.message, fault.hint.empty() ? "" : ": " + fault.hint));
}

std::vector<double> levels_of(const std::string& text) {
  std::vector<double> levels;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) levels.push_back(share_of(word, "--levels"));
  if (levels.empty() || !std::is_sorted(levels.begin(), levels.end()))
    throw UserError(fmt::format("--levels {}: write ascending levels, as in 0%,50%,90%", text));
  return levels;
}

void set_block(const std::string& text, PruneOptions& options) {
  const char* end = text.data() + text.size();
  const auto rows = std::from_chars(text.data(), end, options.rows);
  const bool cross = rows.ec == std::errc() && rows.ptr != end && *rows.ptr == 'x';
  const auto columns = std::from_chars(cross ? rows.ptr + 1 : end, end, options.columns);
  if (!cross || columns.ec != std::errc() || columns.ptr != end || options.rows < 1 || options.columns < 1)
    throw UserError(fmt::format("--block {}: write units x inputs, as in 1x16 or 8x1", text));
}

PruneQuestion question_of(const Options& options, const CommonOptions& common) {
  PruneQuestion question = options.question;
  question.by = options.by == "inclusion" ? PruneBy::inclusion
                : options.by == "snip"    ? PruneBy::snip
                                          : PruneBy::magnitude;
  set_block(options.block, question.options);
  question.threads = thread_count(common);
  if (options.level.empty() != options.output.empty())
    throw UserError("--level says how much of the network is left out of the file that --output names: give both");
  if (!options.output.empty() && options.runs.size() > 1)
    throw UserError("--output takes the pruned weights of one run, several were given");
  if (!options.weights.empty() && options.runs.size() > 1)
    throw UserError("--weights are those of one model, several runs were given");
  question.levels =
      options.level.empty() ? levels_of(options.levels) : std::vector<double>{0, share_of(options.level, "--level")};
  return question;
}

// Writes the weights pruned to the last level, and says how they are run.
void export_pruned(const Trained& trained, const WeightScores& scores, const PruneQuestion& question,
                   const Options& options, Log& log) {
  const Graph& graph = trained.model.graph;
  const Weights pruned = prune(graph, trained.weights, scores, question.levels.back(), question.options);
  write_weights(options.output, graph, pruned,
                {{"model", trained.model.reading.spec.name},
                 {"hash", weights_hash(graph, pruned)},
                 {"pruned", fmt::format("{:g} by {}", question.levels.back(), to_text(question.by))},
                 {"cleave", CLEAVE_VERSION}});
  log.info(fmt::format("{}: {}\nrun it: cleave eval {} --weights {}", options.output,
                       bytes_in_short(file_bytes(options.output)), trained.model_words, shell_word(options.output)));
  if (!trained.is_run)
    log.info(
        fmt::format("train from it: cleave train {} --weights {}", trained.model_words, shell_word(options.output)));
}

ExitCode prune_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  const PruneQuestion question = question_of(options, common);
  std::vector<PruneCurve> curves;
  for (const std::string& run : options.runs) {
    const Trained trained = load_trained(run, options.weights, common, log);
    const WeightScores scores = scores_of(trained, question);
    curves.push_back(measure_curve(trained, scores, question));
    if (!options.output.empty()) export_pruned(trained, scores, question, options, log);
  }
  if (!options.svg.empty()) write_chart(options.svg, chart_of(curves, question));
  print_result(to_text(curves, question, common.format));
  return ExitCode::done;
}

void add_scores(CLI::App& app, const std::shared_ptr<Options>& options) {
  app.add_option("--by", options->by,
                 "what goes first: small weights; weights that are zero in most kept draws; or weights whose loss to "
                 "zero changes the loss least (Lee et al. 2018, by forward passes)")
      ->check(CLI::IsMember({"magnitude", "inclusion", "snip"}))
      ->capture_default_str()
      ->type_name("magnitude|inclusion|snip");
  app.add_option("--block", options->block, "prune whole blocks of units x inputs, by their norm")
      ->capture_default_str()
      ->type_name("RxC");
  app.add_flag("--per-layer", options->question.options.per_layer, "the same level for every layer by itself");
  app.add_flag("--biases", options->question.options.biases, "prune biases, too");
  app.add_option("--threshold", options->question.sparsity.threshold,
                 "for inclusion: a weight with |w| up to this is off; else the prior's own, see `cleave sparsity`")
      ->check(CLI::Range(0.0, 1e30))
      ->type_name("W");
  app.add_option("--snip-images", options->question.snip_images, "for snip: training images the loss is taken of")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20))
      ->capture_default_str()
      ->type_name("N");
}

}  // namespace

std::function<ExitCode()> declare_prune(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("RUN", options->runs, "run folders to compare, or model files")->required()->type_name("DIR|FILE");
  add_scores(app, options);
  app.add_option("--weights", options->weights, "safetensors file; else the run's last weights, or the model's")
      ->type_name("FILE");
  app.add_option("--levels", options->levels, "levels of the curve")->capture_default_str()->type_name("P%,…");
  app.add_flag("--test", options->question.test, "score the test data beside the held-out training data");
  app.add_option("--limit", options->question.limit, "score the first so many samples, 0 = all")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--level", options->level, "write the network pruned to this level, with --output")->type_name("P%");
  app.add_option("--output", options->output, "safetensors file for the pruned weights")->type_name("FILE");
  app.add_option("--svg", options->svg, "write the curves as a picture")->type_name("FILE");
  return [options, &common] { return prune_command(*options, common); };
}

}  // namespace cleave
