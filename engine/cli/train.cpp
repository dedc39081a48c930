// cleave train: trains, shows how it goes, and leaves a run folder.
#include <memory>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include "engine/cli/command.h"
#include "engine/cli/stop.h"
#include "engine/cli/swarm_training.h"
#include "engine/cli/train_run.h"
#include "graphs/graph_text.h"

namespace cleave {

namespace {

struct Options {
  SwarmOptions swarm;
  std::string weights;
  bool dry_run = false;
};

ExitCode train_command(const Options& options, const CommonOptions& common) {
  TrainJob job;
  Log log(common);
  prepare_training(options.swarm.planning.file, options.weights, common, job);
  if (options.dry_run) {
    print_result(common.format == "json" ? describe_json(job) : describe(job));
    return ExitCode::done;
  }
  const std::int64_t memory = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  if (memory_estimate(job) > memory)
    log.note(fmt::format("this run wants about {} of memory, the machine has {}; a smaller training.batch needs less",
                         bytes_in_short(memory_estimate(job)), bytes_in_short(memory)));
  note_unmeasured(job.model, log);
  if (const std::string idle = idle_settings(job); !idle.empty()) log.note(idle);
  if (job.test.picks.empty()) log.note("the model names no data.test: nothing is scored but training images");
  job.options.stop = &watch_signals();
  const std::unique_ptr<SwarmTrainingJob> swarm =
      uses_swarm(options.swarm, job.model) ? prepare_swarm_training(options.swarm, job, common, log) : nullptr;
  use_swarm(job, swarm.get(), log);
  return TrainRun(job, options.swarm.planning.file, common, log).run();
}

}  // namespace

std::function<ExitCode()> declare_train(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->swarm.planning.file, "model file")->required()->type_name("FILE");
  app.add_option("--weights", options->weights, "safetensors file to start from, instead of the model's start weights")
      ->type_name("FILE");
  app.add_flag("--dry-run", options->dry_run, "print what would be trained and what it needs; train nothing");
  add_device_options(app, options->swarm.planning);
  add_swarm_options(app, options->swarm);
  return [options, &common] { return train_command(*options, common); };
}

}  // namespace cleave
