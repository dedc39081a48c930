// cleave train: trains, shows how it goes, and leaves a run folder.
#include <ctime>
#include <memory>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include "engine/cli/command.h"
#include "engine/cli/log.h"
#include "engine/cli/stop.h"
#include "engine/cli/train_job.h"
#include "engine/cli/train_progress.h"
#include "engine/cli/train_result.h"
#include "engine/train/run_folder.h"
#include "engine/train/trace.h"
#include "graphs/graph_text.h"
#include "graphs/weights_file.h"

namespace cleave {

namespace {

struct Options {
  std::string file;
  std::string weights;
  bool dry_run = false;
};

// One run from the first batch to the last line; everything it refers to outlives it.
class TrainRun {
 public:
  TrainRun(TrainJob& job, const Options& options, const CommonOptions& common, Log& log);

  ExitCode run();

 private:
  void open_traces();
  void save_weights();
  void end_epoch();
  void on_batch(const BatchProgress& progress);
  void finish();
  [[noreturn]] void stop_here();
  void write_record(const std::string& status, const std::string& results);

  TrainJob& job_;
  const Options& options_;
  const CommonOptions& common_;
  Log& log_;
  RunFolder folder_;
  RunRecord record_;
  TrainProgress progress_;
  std::vector<std::unique_ptr<TraceWriter>> traces_;
  std::vector<std::int64_t> train_scored_;
  TrainResult result_;
  std::int64_t epochs_done_ = 0;
};

std::filesystem::path wanted_folder(const TrainJob& job, const CommonOptions& common) {
  if (!common.out_dir.empty()) return common.out_dir;
  return std::filesystem::path(job.spec().output.dir) / run_folder_name(std::time(nullptr), job.spec().name);
}

TrainRun::TrainRun(TrainJob& job, const Options& options, const CommonOptions& common, Log& log)
    : job_(job),
      options_(options),
      common_(common),
      log_(log),
      folder_(make_run_folder(wanted_folder(job, common), disk_estimate(job))),
      progress_((log.info(fmt::format("run {}   seed {}", folder_.path.string(), job.options.seed)), job), common,
                log) {
  record_.model = &job_.model.reading.doc;
  record_.arguments = common.arguments;
  record_.seed = job_.options.seed;
  record_.threads = job_.options.threads;
  record_.started = utc_text(std::time(nullptr));
  result_.run_folder = folder_.path.string();
  result_.weights_file = folder_.weights_file();
}

void TrainRun::open_traces() {
  for (const std::filesystem::path& file : trace_files(folder_, job_.graph())) {
    const std::size_t m = traces_.size();
    traces_.push_back(std::make_unique<TraceWriter>(file, std::vector<std::pair<std::string, std::string>>{
                                                              {"model", job_.spec().name},
                                                              {"module", job_.graph().modules[m].name},
                                                              {"seed", fmt::format("{}", job_.options.seed)},
                                                              {"batch", fmt::format("{}", images_per_batch(job_))},
                                                              {"steps a batch", fmt::format("{}", job_.options.steps)},
                                                              {"loss", job_.graph().loss.name},
                                                              {"reduce", job_.options.reduce},
                                                              {"lambda", fmt::format("{:.9g}", lambda_of(job_))},
                                                              {"every", fmt::format("{}", job_.options.trace_every)}}));
  }
}

void TrainRun::write_record(const std::string& status, const std::string& results) {
  record_.status = status;
  record_.results = results;
  if (status != "running") record_.ended = utc_text(std::time(nullptr));
  write_run_record(folder_, record_);
}

void TrainRun::save_weights() {
  result_.weights_hash = weights_hash(job_.graph(), job_.weights);
  write_weights(folder_.weights_file(), job_.graph(), job_.weights,
                {{"model", job_.spec().name},
                 {"hash", result_.weights_hash},
                 {"epoch", fmt::format("{}", epochs_done_)},
                 {"cleave", CLEAVE_VERSION}});
}

void TrainRun::end_epoch() {
  ++epochs_done_;
  if (epochs_done_ == job_.options.epochs) return;  // saved and scored in the end, in any case
  save_weights();
  const Samples sample{&job_.train_set, job_.train.input, train_scored_};
  Scores train = score(job_, job_.weights, sample);
  Scores test = score(job_, job_.weights, job_.test);
  progress_.scored(std::move(train.accuracy), std::move(test.accuracy));
}

void TrainRun::on_batch(const BatchProgress& progress) {
  progress_.batch_done(progress);
  if (progress.not_finite > 0)
    log_.debug(fmt::format("module {}: {} proposals with a loss that is no number were rejected",
                           job_.graph().module(progress.module).name, progress.not_finite));
  const bool last_module = index_of(progress.module) + 1 == job_.graph().modules.size();
  if (last_module && progress.batch + 1 == batches_per_epoch(job_)) end_epoch();
}

void TrainRun::stop_here() {
  progress_.finish();
  write_record("stopped", to_json(job_, result_));
  const std::string again =
      fmt::format("{} --weights {}", model_words(options_.file, common_), shell_word(result_.weights_file));
  throw Interrupted(fmt::format(
      "stopped in epoch {} of {} after {} of {} batches; the weights are in {}\ngo on with: cleave train {}\nscore "
      "them: cleave eval {}",
      std::min(epochs_done_ + 1, job_.options.epochs), job_.options.epochs, result_.report.batches,
      job_.options.epochs * batches_per_epoch(job_), result_.weights_file, again, again));
}

void TrainRun::finish() {
  const Samples sample{&job_.train_set, job_.train.input, train_scored_};
  result_.test = score(job_, job_.weights, job_.test);
  result_.validation = score(job_, job_.weights, job_.validation);
  result_.train = score(job_, job_.weights, sample);
  progress_.scored(result_.train.accuracy, result_.test.accuracy);
  progress_.finish();
  if (job_.options.stop->load()) stop_here();
  write_record("done", to_json(job_, result_));
  print_result(to_text(job_, result_, common_.format, model_words(options_.file, common_)));
}

ExitCode TrainRun::run() {
  write_record("running", "");
  open_traces();
  train_scored_ = job_.train.picks;
  if (static_cast<std::int64_t>(train_scored_.size()) > kTrainScored) train_scored_.resize(kTrainScored);
  TrainHooks hooks;
  hooks.on_batch = [this](const BatchProgress& progress) { on_batch(progress); };
  hooks.on_step = [this](ModuleId module, const TraceRow& row) { traces_[index_of(module)]->write(row); };
  try {
    result_.report = train(job_.graph(), job_.weights, batches_of(job_.train, job_.options.seed), job_.options, hooks);
    for (const auto& trace : traces_) trace->finish();
    traces_.clear();
    save_weights();
  } catch (const std::exception&) {
    progress_.finish();
    write_record("failed", "");
    throw;
  }
  if (result_.report.stopped) stop_here();
  finish();
  return ExitCode::done;
}

ExitCode train_command(const Options& options, const CommonOptions& common) {
  TrainJob job;
  Log log(common);
  prepare_training(options.file, options.weights, common, job);
  if (options.dry_run) {
    print_result(common.format == "json" ? describe_json(job) : describe(job));
    return ExitCode::done;
  }
  const std::int64_t memory = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  if (memory_estimate(job) > memory)
    log.note(fmt::format("this run wants about {} of memory, the machine has {}; a smaller training.batch needs less",
                         bytes_in_short(memory_estimate(job)), bytes_in_short(memory)));
  if (job.test.picks.empty()) log.note("the model names no data.test: nothing is scored but training images");
  job.options.stop = &watch_signals();
  return TrainRun(job, options, common, log).run();
}

}  // namespace

std::function<ExitCode()> declare_train(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->file, "model file")->required()->type_name("FILE");
  app.add_option("--weights", options->weights, "safetensors file to start from, instead of the model's start weights")
      ->type_name("FILE");
  app.add_flag("--dry-run", options->dry_run, "print what would be trained and what it needs; train nothing");
  return [options, &common] { return train_command(*options, common); };
}

}  // namespace cleave
