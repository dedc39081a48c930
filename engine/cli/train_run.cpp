#include "engine/cli/train_run.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "engine/cli/side_chains.h"
#include "engine/train/cascade.h"
#include "engine/train/draw_files.h"
#include "engine/train/message_log.h"
#include "engine/train/train_swarm.h"
#include "graphs/graph_text.h"
#include "graphs/weights_file.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

std::filesystem::path wanted_folder(const TrainJob& job, const CommonOptions& common) {
  if (!common.out_dir.empty()) return common.out_dir;
  return std::filesystem::path(job.spec().output.dir) / run_folder_name(std::time(nullptr), job.spec().name);
}

RunRecord new_record(const TrainJob& job, const std::string& model_file, const CommonOptions& common) {
  RunRecord record;
  record.model_file = std::filesystem::absolute(model_file).string();
  record.model_words = model_words(model_file, common);
  record.arguments = common.arguments;
  record.seed = job.options.seed;
  if (!job.weights_from.empty()) record.start_weights = std::filesystem::absolute(job.weights_from).string();
  record.start_hash = weights_hash(job.graph(), job.weights);
  record.threads = job.options.threads;
  record.started = utc_text(std::time(nullptr));
  return record;
}

// Says where the run is, before its progress is drawn.
RunFolder announced(RunFolder folder, const TrainJob& job, Log& log, const BatchPlace* from) {
  const std::string at = from == nullptr ? "" : fmt::format("   going on behind batch {}", from->number);
  log.info(fmt::format("run {}   seed {}{}", folder.path.string(), job.options.seed, at));
  return folder;
}

std::int64_t epochs_before(const TrainJob& job, const BatchPlace& place) {
  return place.epoch + (place.batch >= batches_per_epoch(job) ? 1 : 0);
}

// Of all threads of this process.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

TrainRun::TrainRun(TrainJob& job, const std::string& model_file, const CommonOptions& common, Log& log)
    : job_(job),
      common_(common),
      log_(log),
      folder_(announced(make_run_folder(wanted_folder(job, common), disk_estimate(job)), job, log, nullptr)),
      lock_(folder_),
      record_(new_record(job, model_file, common)),
      progress_(job, common, log, {}) {
  write_run_model(folder_, job_.model.reading.doc);
}

TrainRun::TrainRun(TrainJob& job, const CommonOptions& common, Log& log, const RunFolder& folder, RunRecord record,
                   FoundCheckpoint from)
    : job_(job),
      common_(common),
      log_(log),
      folder_(announced(folder, job, log, &from.checkpoint.place)),
      lock_(folder_),
      record_(std::move(record)),
      from_(std::make_unique<FoundCheckpoint>(std::move(from))),
      progress_(job, common, log, from_->checkpoint.place),
      epochs_done_(epochs_before(job, from_->checkpoint.place)),
      checkpoint_(from_->file.string()) {
  record_.resumed.push_back(utc_text(std::time(nullptr)));
  for (const std::string& bad : from_->bad) log_.note(bad + "; an older checkpoint is taken");
}

TrainRun::~TrainRun() = default;

void TrainRun::write_record(const std::string& status, const std::string& results) {
  record_.model = &job_.model.reading.doc;
  record_.status = status;
  record_.results = results;
  if (status != "running") record_.ended = utc_text(std::time(nullptr));
  write_run_record(folder_, record_);
}

void TrainRun::save_weights(const Weights& weights) {
  result_.weights_hash = weights_hash(job_.graph(), weights);
  write_weights(folder_.weights_file(), job_.graph(), weights,
                {{"model", job_.spec().name},
                 {"hash", result_.weights_hash},
                 {"epoch", fmt::format("{}", epochs_done_)},
                 {"cleave", CLEAVE_VERSION}});
}

void TrainRun::end_epoch(const Weights& weights, std::int64_t epochs) {
  epochs_done_ = epochs;
  if (epochs_done_ == job_.options.epochs) return;  // saved and scored in the end, in any case
  save_weights(weights);
  if (job_.swarm != nullptr) return;  // test batches go by the modules where they are
  const double cpu_s = cpu_seconds() - scoring_cpu_s_;
  const Samples sample{&job_.train_set, job_.train.input, train_scored_};
  Scores train = score(job_, weights, sample);
  Scores test = score(job_, weights, job_.test);
  result_.epochs.push_back({epochs, cpu_s, train, test});
  scoring_cpu_s_ = cpu_seconds() - cpu_s;
  progress_.scored(std::move(train.accuracy), std::move(test.accuracy));
}

void TrainRun::on_batch(const BatchProgress& progress) {
  progress_.batch_done(progress);
  traces_->write(progress);
  others_->check();
  if (progress.not_finite > 0)
    log_.debug(fmt::format("module {}: {} proposals with a loss that is no number were rejected",
                           job_.graph().module(progress.module).name, progress.not_finite));
  const bool last_module = index_of(progress.module) + 1 == job_.graph().modules.size();
  const bool is_end = last_module && progress.batch + 1 == batches_per_epoch(job_);
  if (is_end && has_current_weights()) end_epoch(job_.weights, epochs_done_ + 1);
}

// A full disk must not end a run that may have cost days: the older checkpoints stay, it is said once, and the next one
// may find room again.
void TrainRun::on_checkpoint(const RunCheckpoint& checkpoint, bool is_last) {
  traces_->finish_batches();
  const double since_s = std::chrono::duration<double>(Clock::now() - checkpoint_time_).count();
  if (is_last || since_s >= job_.options.checkpoint_every_s) {
    try {
      checkpoint_ =
          write_run_checkpoint(folder_.checkpoints(), checkpoint, job_.spec().training.checkpoint_keep).string();
      write_draws(folder_.draws(), job_.graph(), checkpoint.modules, job_.spec().name);
      checkpoint_fault_.clear();
      checkpoint_time_ = Clock::now();
    } catch (const RunError& error) {
      if (checkpoint_fault_.empty())
        log_.note(fmt::format("no checkpoint could be written, the run goes on: {}", error.what()));
      checkpoint_fault_ = error.what();
    }
  }
  if (has_current_weights()) return;
  const std::int64_t epochs = epochs_before(job_, checkpoint.place);
  if (epochs > epochs_done_ && !is_last) {
    for (std::size_t m = 0; m < checkpoint.modules.size(); ++m)
      restore_weights(checkpoint.modules[m], job_.graph(), static_cast<ModuleId>(m), snapshot_);
    end_epoch(snapshot_, epochs);
  }
  epochs_done_ = epochs;
}

// Accuracies are shown once all modules have scored all test batches of an epoch.
void TrainRun::on_scored(const ScoredBatch& scored) {
  if (!scored.whole) return;
  std::vector<double>& accuracy = swarm_accuracy_[scored.epoch];
  const auto images = static_cast<double>(scored.score.images);
  accuracy.resize(job_.graph().modules.size(), -1);
  accuracy[index_of(scored.module)] = static_cast<double>(scored.score.correct) / images;
  if (std::find(accuracy.begin(), accuracy.end(), -1) == accuracy.end()) progress_.scored({}, accuracy);
}

// Whether the job's weights are those of the last batch: nobody else changes them.
bool TrainRun::has_current_weights() const { return job_.swarm == nullptr && job_.options.mode == TrainMode::lockstep; }

void TrainRun::stop_here() {
  progress_.finish();
  write_record("stopped", to_json(job_, result_));
  const std::string stopped =
      fmt::format("stopped in epoch {} of {} after {} of {} batches; the weights are in {}",
                  std::min(epochs_done_ + 1, job_.options.epochs), job_.options.epochs, result_.report.batches,
                  job_.options.epochs * batches_per_epoch(job_), result_.weights_file);
  const std::string again = fmt::format("{} --weights {}", record_.model_words, shell_word(result_.weights_file));
  const std::string saved =
      checkpoint_fault_.empty()
          ? fmt::format("checkpoint {} (all {} modules){}", checkpoint_, job_.graph().modules.size(),
                        result_.other_hashes.empty()
                            ? ""
                            : fmt::format(", and of {} chains beside it in {}", result_.other_hashes.size(),
                                          (folder_.path / "chains").string()))
          : fmt::format("the last checkpoint could not be written ({}){}", checkpoint_fault_,
                        checkpoint_.empty() ? "" : ", an older one stays: " + checkpoint_);
  const std::string command = checkpoint_.empty() ? "train " + again : "resume " + shell_word(folder_.path.string());
  throw Interrupted(
      fmt::format("{}\n{}\nscore them: cleave eval {}\ngo on with: cleave {}", stopped, saved, again, command));
}

void TrainRun::finish() {
  const double cpu_s = cpu_seconds() - scoring_cpu_s_;
  const Samples sample{&job_.train_set, job_.train.input, train_scored_};
  result_.test = score(job_, job_.weights, job_.test);
  result_.validation = score(job_, job_.weights, job_.validation);
  result_.train = score(job_, job_.weights, sample);
  if (job_.swarm == nullptr) result_.epochs.push_back({epochs_done_, cpu_s, result_.train, result_.test});
  progress_.scored(result_.train.accuracy, result_.test.accuracy);
  progress_.finish();
  if (job_.options.stop->load()) stop_here();
  write_record("done", to_json(job_, result_));
  print_result(to_text(job_, result_, common_.format, record_.model_words));
}

void TrainRun::train_all() {
  MessageLogWriter messages(folder_.messages());
  TrainHooks hooks;
  hooks.on_batch = [this](const BatchProgress& progress) { on_batch(progress); };
  hooks.on_learnt = [&messages](const BatchProgress& progress) { messages.write(progress); };
  hooks.on_step = [this](ModuleId module, const TraceRow& row) { traces_->write(module, row); };
  hooks.on_save = [this](ModuleId module) { traces_->finish_steps(module); };
  hooks.on_checkpoint = [this](const RunCheckpoint& checkpoint, bool is_last) { on_checkpoint(checkpoint, is_last); };
  const RunCheckpoint* from = from_ == nullptr ? nullptr : &from_->checkpoint;
  const BatchSource source = batches_of(job_.train, job_.options.seed);
  checkpoint_time_ = Clock::now();
  others_ = std::make_unique<SideChains>(
      job_, folder_, from_ != nullptr, log_,
      [this](std::size_t chain, const BatchProgress& progress) { progress_.chain_heard(chain, progress); });
  others_->start();
  TrainOptions options = job_.options;
  options.threads = chain_threads(job_, 1);
  if (job_.swarm != nullptr) {
    snapshot_ = job_.weights;
    SwarmTraining swarm = *job_.swarm;
    swarm.on_scored = [this](const ScoredBatch& scored) { on_scored(scored); };
    result_.report = train_swarm(job_.graph(), job_.weights, source, options, swarm, hooks, from);
  } else if (job_.options.mode == TrainMode::lockstep) {
    result_.report = train(job_.graph(), job_.weights, source, options, hooks, from);
  } else {
    snapshot_ = job_.weights;
    result_.report = train_cascade(job_.graph(), job_.weights, source, options, hooks, from);
  }
  others_->join();
  result_.other_hashes = others_->weights_hashes();
}

ExitCode TrainRun::run() {
  result_.run_folder = folder_.path.string();
  result_.weights_file = folder_.weights_file();
  write_record("running", "");
  traces_ = std::make_unique<RunTraces>(folder_, job_.graph(), trace_configuration(job_, 1), batches_per_epoch(job_),
                                        from_ == nullptr ? nullptr : &from_->checkpoint);
  train_scored_ = job_.train.picks;
  if (static_cast<std::int64_t>(train_scored_.size()) > kTrainScored) train_scored_.resize(kTrainScored);
  try {
    scoring_cpu_s_ = cpu_seconds();
    train_all();
    traces_->finish();
    save_weights(job_.weights);
  } catch (const std::exception&) {
    others_.reset();
    progress_.finish();
    write_record("failed", "");
    if (!checkpoint_.empty())
      log_.note(fmt::format("the checkpoint {} stays; once what is wrong is mended, go on with: cleave resume {}",
                            checkpoint_, shell_word(folder_.path.string())));
    throw;
  }
  if (result_.report.stopped) stop_here();
  finish();
  return ExitCode::done;
}

}  // namespace cleave
