// cleave resume: goes on with a training run that was stopped, killed or lost its power.
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "engine/cli/command.h"
#include "engine/cli/stop.h"
#include "engine/cli/swarm_training.h"
#include "engine/cli/train_run.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

struct Options {
  std::string path;
  SwarmOptions swarm;
};

void check_fits(const RunFolder& folder, const TrainJob& job, const FoundCheckpoint& found) {
  const RunCheckpoint& checkpoint = found.checkpoint;
  if (checkpoint.data != job.options.data)
    throw UserError(fmt::format("{}: trained on other data: {}; data.train is now {}", found.file.string(),
                                printable(checkpoint.data), job.options.data));
  if (checkpoint.seed != job.options.seed)
    throw UserError(fmt::format("{}: its seed is {}, that of {} is {}", found.file.string(), checkpoint.seed,
                                folder.model_file(), job.options.seed));
}

ExitCode resume_command(const Options& options, CommonOptions common) {
  if (common.seed) throw UserError("`cleave resume` has no use for --seed: the run keeps its own");
  const std::string& path = options.path;
  const RunFolder folder{path};
  RunRecord record = read_run_record(folder);
  if (record.status == "done")
    throw UserError(
        fmt::format("{} has finished: there is nothing to go on with; score it: cleave eval {} --weights {}", path,
                    record.model_words, shell_word(folder.weights_file())));
  if (common.threads == 0) common.threads = record.threads;
  Log log(common);
  TrainJob job;
  prepare_resumed_training(model_of_run(folder, record), common, job);
  FoundCheckpoint found = read_newest_checkpoint(folder.checkpoints(), job.graph());
  check_fits(folder, job, found);
  job.options.stop = &watch_signals();
  const std::unique_ptr<SwarmTrainingJob> swarm =
      uses_swarm(options.swarm, job.model) ? prepare_swarm_training(options.swarm, job, common, log) : nullptr;
  use_swarm(job, swarm.get(), log);
  return TrainRun(job, common, log, folder, std::move(record), std::move(found)).run();
}

}  // namespace

std::function<ExitCode()> declare_resume(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("RUN", options->path, "run folder")->required()->type_name("DIR");
  add_device_options(app, options->swarm.planning);
  add_swarm_options(app, options->swarm);
  return [options, &common] { return resume_command(*options, common); };
}

}  // namespace cleave
