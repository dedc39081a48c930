#include "engine/cli/train_result.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/cli/table.h"
#include "graphs/graph_text.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string accepted(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? "-" : fmt::format("{:.3f}", share(part, whole));
}

Json scores_json(const Scores& scores, std::size_t module) {
  if (scores.images == 0) return nullptr;
  return {{"images", scores.images},
          {"accuracy", scores.accuracy[module]},
          {"cross_entropy", scores.cross_entropy[module]}};
}

Json epoch_scores_json(const TrainResult& result) {
  Json list = Json::array();
  for (const EpochScore& epoch : result.epochs)
    list.push_back({{"epochs", epoch.epochs},
                    {"cpu_seconds", epoch.cpu_s},
                    {"train", epoch.train.accuracy},
                    {"test", epoch.test.accuracy}});
  return list;
}

Table table_of(const TrainJob& job, const TrainResult& result) {
  const bool tested = result.test.images > 0;
  const bool validated = result.validation.images > 0;
  Table table{{"module"}, {}};
  if (tested) table.columns.emplace_back("test %");
  if (validated) table.columns.emplace_back("validation %");
  const bool sgd = job.options.algorithm == "sgd";
  for (const char* column : {"train %", "loss", "steps", "accepted body", "head", sgd ? "rate" : "λ/image", "seconds"})
    table.columns.emplace_back(column);
  for (std::size_t m = 0; m < result.report.modules.size(); ++m) {
    const ModuleReport& module = result.report.modules[m];
    const ChainCounts& counts = module.counts;
    std::vector<std::string> row = {module.name};
    if (tested) row.push_back(percent(result.test.accuracy[m]));
    if (validated) row.push_back(percent(result.validation.accuracy[m]));
    const bool scored = result.train.images > 0;
    row.push_back(scored ? percent(result.train.accuracy[m]) : "-");
    row.push_back(scored ? fmt::format("{:.4f}", result.train.cross_entropy[m]) : "-");
    row.push_back(fmt::format("{}", counts.steps));
    row.push_back(accepted(counts.body_accepted, counts.body_steps));
    row.push_back(accepted(counts.head_accepted, counts.head_steps));
    row.push_back(fmt::format("{:.4g}", sgd ? job.options.sgd.learning_rate : lambda_per_image(job)));
    row.push_back(fmt::format("{:.2f}", module.seconds));
    table.rows.push_back(row);
  }
  return table;
}

std::string explanation(const TrainJob& job, const TrainResult& result, const std::string& model) {
  std::string text = fmt::format("\n{}\n", algorithm_line(job));
  if (result.test.images > 0) text += fmt::format("test: {} images; ", with_blanks(result.test.images));
  if (result.validation.images > 0)
    text += fmt::format("validation: {} images held out; ", with_blanks(result.validation.images));
  text += fmt::format("train and loss (nats an image): {} of {} images\n", with_blanks(result.train.images),
                      with_blanks(static_cast<std::int64_t>(job.train.picks.size())));
  text += fmt::format("{} epoch{} of {} batch{} of {} images, {} thread{}, {:.1f} s\n", job.options.epochs,
                      job.options.epochs == 1 ? "" : "s", batches_per_epoch(job),
                      batches_per_epoch(job) == 1 ? "" : "es", with_blanks(images_per_batch(job)), job.options.threads,
                      job.options.threads == 1 ? "" : "s", result.report.seconds);
  text += fmt::format("weights hash {}   run folder {}\n", result.weights_hash, result.run_folder);
  if (!result.other_hashes.empty())
    text += fmt::format("these are of chain 1 of {}, the others are in {}/chains; compare them: cleave diag {}\n",
                        result.other_hashes.size() + 1, result.run_folder, shell_word(result.run_folder));
  return text + fmt::format("go on with: cleave eval {} --weights {}\n", model, shell_word(result.weights_file));
}

}  // namespace

Scores score(const TrainJob& job, const Weights& weights, const Samples& samples) {
  Scores scores;
  if (samples.picks.empty()) return scores;
  EvaluateOptions options;
  options.flow.in_flight = 2 * static_cast<std::int64_t>(std::min(job.options.threads, 16));
  options.flow.batch = evaluation_batch(job.graph(), options.flow.in_flight);
  options.flow.threads = job.options.threads;
  options.flow.stop = job.options.stop;
  const EvaluateReport report = evaluate_samples(job.graph(), weights, samples, options);
  if (report.run.samples < static_cast<std::int64_t>(samples.picks.size())) return scores;
  scores.images = report.labelled;
  for (const HeadReport& head : report.heads) {
    scores.accuracy.push_back(head.accuracy);
    scores.cross_entropy.push_back(head.cross_entropy);
  }
  return scores;
}

std::string to_json(const TrainJob& job, const TrainResult& result) {
  Json modules = Json::array();
  for (std::size_t m = 0; m < result.report.modules.size(); ++m) {
    const ModuleReport& module = result.report.modules[m];
    const ChainCounts& counts = module.counts;
    modules.push_back({{"name", module.name},
                       {"test", scores_json(result.test, m)},
                       {"validation", scores_json(result.validation, m)},
                       {"train", scores_json(result.train, m)},
                       {"last_batch_loss", module.loss},
                       {"steps", counts.steps},
                       {"body_steps", counts.body_steps},
                       {"body_accepted", counts.body_accepted},
                       {"head_steps", counts.head_steps},
                       {"head_accepted", counts.head_accepted},
                       {"not_finite", counts.not_finite},
                       {"seconds", module.seconds}});
  }
  Json json = {{"model", job.spec().name},
               {"seed", job.options.seed},
               {"epochs", job.options.epochs},
               {"batches", result.report.batches},
               {"images_per_batch", images_per_batch(job)},
               {"steps_per_batch", job.options.steps},
               {"algorithm", job.options.algorithm},
               {"learning_rate", job.options.sgd.learning_rate},
               {"momentum", job.options.sgd.momentum},
               {"images_a_step", job.options.sgd.batch},
               {"reduce", job.options.reduce},
               {"lambda", lambda_of(job)},
               {"lambda_per_image", lambda_per_image(job)},
               {"lambda_of_other_reduce", other_lambda(job)},
               {"threads", job.options.threads},
               {"stopped", result.report.stopped},
               {"seconds", result.report.seconds},
               {"weights_hash", result.weights_hash},
               {"weights", result.weights_file},
               {"run_folder", result.run_folder},
               {"epoch_scores", epoch_scores_json(result)},
               {"modules", modules}};
  if (!result.other_hashes.empty()) json["other_chains"] = result.other_hashes;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string to_text(const TrainJob& job, const TrainResult& result, const std::string& format,
                    const std::string& model) {
  if (format == "json") return to_json(job, result);
  const std::string table = to_text(table_of(job, result), format);
  return format == "text" ? table + explanation(job, result, model) : table;
}

}  // namespace cleave
