#include "engine/cli/side_chains.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "engine/train/cascade.h"
#include "engine/train/draw_files.h"
#include "engine/train/message_log.h"
#include "engine/train/run_traces.h"
#include "graphs/graph_text.h"
#include "graphs/weights_file.h"

namespace cleave {

TraceConfiguration trace_configuration(const TrainJob& job, std::int64_t chain) {
  return {{"model", job.spec().name},
          {"chain", fmt::format("{}", chain)},
          {"seed", fmt::format("{}", chain_seed(job.options.seed, chain))},
          {"batch", fmt::format("{}", images_per_batch(job))},
          {"steps a batch", fmt::format("{}", job.options.steps)},
          {"loss", job.graph().loss.name},
          {"reduce", job.options.reduce},
          {"lambda", fmt::format("{:.9g}", lambda_of(job))},
          {"every", fmt::format("{}", job.options.trace_every)}};
}

// Mixed (SplitMix64, Steele, Lea and Flood 2014), so that no two runs with near seeds share a chain.
std::uint64_t chain_seed(std::uint64_t seed, std::int64_t chain) {
  if (chain == 1) return seed;
  std::uint64_t z = seed + static_cast<std::uint64_t>(chain) * 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

int chain_threads(const TrainJob& job, std::int64_t chain) {
  const std::int64_t chains = job.spec().training.chains, all = job.options.threads;
  return static_cast<int>(std::max<std::int64_t>(1, all / chains + (chain <= all % chains ? 1 : 0)));
}

struct SideChains::Chain {
  Chain(const TrainJob& of, const RunFolder& run, std::int64_t n, bool resumed, Log& to, Heard tell);
  void run();
  void train_on(const TrainHooks& hooks);
  void on_batch(const BatchProgress& progress);
  void on_checkpoint(const RunCheckpoint& checkpoint);

  const TrainJob& job;
  std::int64_t number;
  RunFolder folder;
  Log& log;
  Heard heard;
  TrainOptions options;
  Weights weights;
  std::unique_ptr<FoundCheckpoint> from;
  std::unique_ptr<RunTraces> traces;
  std::string fault;  // why the last checkpoint could not be written; "" = it was
  std::atomic<bool> stop = false, failed = false;
  std::exception_ptr error;  // once failed
  std::thread thread;
};

SideChains::Chain::Chain(const TrainJob& of, const RunFolder& run, std::int64_t n, bool resumed, Log& to, Heard tell)
    : job(of), number(n), folder(chain_folder(run, n)), log(to), heard(std::move(tell)), options(of.options) {
  options.seed = chain_seed(of.options.seed, n);
  options.threads = chain_threads(of, n);
  options.stop = &stop;
  std::error_code ignored;
  // Killed before its first checkpoint: it begins again.
  const bool has_checkpoint = resumed && !std::filesystem::is_empty(folder.checkpoints(), ignored) && !ignored;
  if (!has_checkpoint) std::filesystem::remove_all(folder.path, ignored);
  make_chain_folder(run, n);
  weights = of.weights_from.empty() ? initial_weights(of.graph(), options.seed) : of.weights;
  if (!has_checkpoint) return;
  from = std::make_unique<FoundCheckpoint>(read_newest_checkpoint(folder.checkpoints(), of.graph()));
  for (const std::string& bad : from->bad) log.note(bad + "; an older checkpoint is taken");
  if (from->checkpoint.data != options.data || from->checkpoint.seed != options.seed)
    throw UserError(fmt::format("{}: is of another run: its seed is {}, its data {}; wanted are seed {} and {}",
                                from->file.string(), from->checkpoint.seed, printable(from->checkpoint.data),
                                options.seed, options.data));
}

void SideChains::Chain::on_batch(const BatchProgress& progress) {
  traces->write(progress);
  heard(static_cast<std::size_t>(number - 1), progress);
  if (job.options.stop != nullptr && job.options.stop->load()) stop = true;
}

// As for the first chain, a full disk does not end it.
void SideChains::Chain::on_checkpoint(const RunCheckpoint& checkpoint) {
  traces->finish_batches();
  try {
    write_run_checkpoint(folder.checkpoints(), checkpoint, job.spec().training.checkpoint_keep);
    write_draws(folder.draws(), job.graph(), checkpoint.modules, job.spec().name);
    fault.clear();
  } catch (const RunError& full) {
    if (fault.empty()) log.note(fmt::format("chain {}: no checkpoint could be written: {}", number, full.what()));
    fault = full.what();
  }
}

void SideChains::Chain::train_on(const TrainHooks& hooks) {
  const BatchSource source = batches_of(job.train, job.options.seed);  // all chains see the same batches
  const RunCheckpoint* checkpoint = from == nullptr ? nullptr : &from->checkpoint;
  if (options.mode == TrainMode::lockstep) train(job.graph(), weights, source, options, hooks, checkpoint);
  else train_cascade(job.graph(), weights, source, options, hooks, checkpoint);
}

void SideChains::Chain::run() {
  try {
    traces = std::make_unique<RunTraces>(folder, job.graph(), trace_configuration(job, number), batches_per_epoch(job),
                                         from == nullptr ? nullptr : &from->checkpoint);
    MessageLogWriter messages(folder.messages());
    TrainHooks hooks;
    hooks.on_batch = [this](const BatchProgress& progress) { on_batch(progress); };
    hooks.on_learnt = [&messages](const BatchProgress& progress) { messages.write(progress); };
    hooks.on_step = [this](ModuleId module, const TraceRow& row) { traces->write(module, row); };
    hooks.on_save = [this](ModuleId module) { traces->finish_steps(module); };
    hooks.on_checkpoint = [this](const RunCheckpoint& checkpoint, bool) { on_checkpoint(checkpoint); };
    train_on(hooks);
    traces->finish();
    write_weights(folder.weights_file(), job.graph(), weights,
                  {{"model", job.spec().name},
                   {"chain", fmt::format("{}", number)},
                   {"hash", weights_hash(job.graph(), weights)},
                   {"cleave", CLEAVE_VERSION}});
  } catch (...) {
    error = std::current_exception();
    failed = true;
  }
}

SideChains::SideChains(const TrainJob& job, const RunFolder& run, bool resumed, Log& log, Heard heard) {
  for (std::int64_t chain = 2; chain <= job.spec().training.chains; ++chain)
    chains_.push_back(std::make_unique<Chain>(job, run, chain, resumed, log, heard));
}

SideChains::~SideChains() {
  for (const auto& chain : chains_) chain->stop = true;
  for (const auto& chain : chains_)
    if (chain->thread.joinable()) chain->thread.join();
}

void SideChains::start() {
  for (const auto& chain : chains_) chain->thread = std::thread([&chain = *chain] { chain.run(); });
}

void SideChains::check() const {
  for (const auto& chain : chains_)
    if (chain->failed) std::rethrow_exception(chain->error);
}

void SideChains::join() {
  for (const auto& chain : chains_)
    if (chain->thread.joinable()) chain->thread.join();
  check();
}

std::vector<std::string> SideChains::weights_hashes() const {
  std::vector<std::string> hashes;
  for (const auto& chain : chains_) hashes.push_back(weights_hash(chain->job.graph(), chain->weights));
  return hashes;
}

}  // namespace cleave
