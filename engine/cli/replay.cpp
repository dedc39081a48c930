// cleave replay: a training run once more, from what its modules took, and whether the same weights come out.
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/command.h"
#include "engine/cli/log.h"
#include "engine/cli/stop.h"
#include "engine/cli/train_job.h"
#include "engine/train/replay.h"
#include "graphs/weights_file.h"

namespace cleave {

namespace {

Weights start_weights(const TrainJob& job, const RunRecord& record) {
  Weights weights = record.start_weights.empty() ? initial_weights(job.graph(), record.seed)
                                                 : read_weights(record.start_weights, job.graph());
  if (const std::string hash = weights_hash(job.graph(), weights); hash != record.start_hash)
    throw UserError(fmt::format("the run began with weights {}, {} are {}: they have changed since", record.start_hash,
                                record.start_weights.empty() ? "those of its seed" : record.start_weights, hash));
  return weights;
}

struct Outcome {
  ReplayReport report;
  std::string wanted, found;  // hashes of the weights
  bool is_same() const { return wanted == found && report.differences.empty(); }
};

std::string as_text(const TrainJob& job, const std::string& path, const Outcome& outcome) {
  std::string text;
  for (const ModuleReport& module : outcome.report.modules)
    text += fmt::format("{:12} {} batches, {} steps\n", module.name, module.batches, module.counts.steps);
  for (const ReplayDifference& other : outcome.report.differences)
    text += fmt::format("{}: batch {} of epoch {}: loss {:.9g}, the run had {:.9g}\n",
                        job.graph().module(other.module).name, other.logged.batch + 1, other.logged.epoch + 1,
                        other.loss, other.logged.loss);
  return text + (outcome.is_same() ? fmt::format("{}: repeated, weights {} bit for bit\n", path, outcome.found)
                                   : fmt::format("{}: NOT repeated: weights {}, the run's are {}\n", path,
                                                 outcome.found, outcome.wanted));
}

std::string as_json(const std::string& path, const Outcome& outcome) {
  nlohmann::ordered_json modules = nlohmann::ordered_json::array();
  for (const ModuleReport& module : outcome.report.modules)
    modules.push_back({{"name", module.name}, {"batches", module.batches}, {"steps", module.counts.steps}});
  const nlohmann::ordered_json json = {{"run", path},
                                       {"same", outcome.is_same()},
                                       {"weights_hash", outcome.found},
                                       {"weights_hash_of_run", outcome.wanted},
                                       {"modules", modules}};
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::function<void(const ReplayProgress&)> progress_line(const TrainJob& job, const CommonOptions& common) {
  if (!fancy_stderr(common) || common.quiet) return {};
  return [&job](const ReplayProgress& at) {
    fmt::print(stderr, "\r\033[K{} of {} batches   {}{}", at.done, at.all, job.graph().module(at.module).name,
               at.done == at.all ? "\r\033[K" : "");
  };
}

ExitCode replay_command(const std::string& path, CommonOptions common) {
  if (common.seed) throw UserError("`cleave replay` has no use for --seed: the run keeps its own");
  const RunFolder folder{path};
  const RunRecord record = read_run_record(folder);
  if (record.status == "running")
    throw UserError(fmt::format("{} is not at its end: cleave resume {} goes on with it", path, shell_word(path)));
  if (common.threads == 0) common.threads = record.threads;
  TrainJob job;
  prepare_resumed_training(model_of_run(folder, record), common, job);
  job.weights = start_weights(job, record);
  job.options.stop = &watch_signals();
  const MessageLog log = read_message_log(folder.messages(), job.graph().modules.size());
  Outcome outcome;
  outcome.wanted = weights_hash(job.graph(), read_weights(folder.weights_file(), job.graph()));
  outcome.report = replay(job.graph(), job.weights, batches_of(job.train, job.options.seed), job.options, log,
                          progress_line(job, common));
  if (outcome.report.stopped) throw Interrupted("the replay was stopped; the run is as it was");
  outcome.found = weights_hash(job.graph(), job.weights);
  print_result(common.format == "json" ? as_json(path, outcome) : as_text(job, path, outcome));
  return outcome.is_same() ? ExitCode::done : ExitCode::check_failed;
}

}  // namespace

std::function<ExitCode()> declare_replay(CLI::App& app, const CommonOptions& common) {
  const auto path = std::make_shared<std::string>();
  app.add_option("RUN", *path, "run folder")->required()->type_name("DIR");
  return [path, &common] { return replay_command(*path, common); };
}

}  // namespace cleave
