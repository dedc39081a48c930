// Lockstep: time goes in ticks. In one tick every module that has a batch does all its steps on it; then what the
// bodies send is in the other half of the hand-over buffers, where the next module reads it in the next tick while this
// one writes the first half again. Modules touch different weights and different buffers, so a tick needs no locks.
#include "engine/train/train.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "engine/runtime/denormals.h"
#include "engine/train/batch_reader.h"
#include "engine/train/run_checkpoint.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A module at work, and what it sends, by parity of the batch's number.
struct Stage {
  ModuleTrainer trainer;
  std::array<TrainBatch, 2> sent;
  BatchProgress progress;  // of this tick
};

struct Pipeline {
  const Graph& graph;
  const TrainOptions& options;
  const TrainHooks& hooks;
  RunCheckpoint saved;  // begun by the first module behind a marker, complete behind the last
  std::vector<Stage> stages;
  std::array<TrainBatch, 2> input;  // of the first module, by parity
  std::int64_t first = 0;           // number of the batch that was read first
  std::int64_t batches = 0;         // that were read
  bool is_over = false;             // no more batches will be read
  bool marker_on_its_way = false;
  double seconds_before = 0;  // trained before this part of the run
  Clock::time_point start = Clock::now(), last_marker = start;
};

// One module's turn: all its steps on batch number `number`.
void take_turn(Pipeline& pipeline, std::size_t m, std::int64_t number) {
  Stage& stage = pipeline.stages[m];
  const std::size_t half = static_cast<std::size_t>(number % 2);
  const TrainBatch& batch = m == 0 ? pipeline.input[half] : pipeline.stages[m - 1].sent[half];
  std::function<void(const TraceRow&)> trace;
  if (pipeline.hooks.on_step)
    trace = [&](const TraceRow& row) { pipeline.hooks.on_step(static_cast<ModuleId>(m), row); };
  stage.progress = stage.trainer.learn(batch, {}, trace);
  if (m + 1 == pipeline.stages.size()) return;
  TrainBatch& sent = stage.sent[half];
  stage.trainer.copy_body(sent.data);
  sent.number = batch.number;
  sent.epoch = batch.epoch;
  sent.batch = batch.batch;
}

// Reads the next batch, if any. When a checkpoint is due it will be taken behind this one.
void read_batch(Pipeline& pipeline, BatchReader& reader) {
  const TrainOptions& options = pipeline.options;
  if (pipeline.is_over) return;
  TrainBatch& batch = pipeline.input[static_cast<std::size_t>(reader.place().number % 2)];
  pipeline.is_over = (options.stop != nullptr && options.stop->load()) || !reader.next(batch);
  if (pipeline.is_over) return;
  ++pipeline.batches;
  if (!pipeline.hooks.on_checkpoint || options.checkpoint_every_s <= 0 || pipeline.marker_on_its_way ||
      seconds_since(pipeline.last_marker) < options.checkpoint_every_s)
    return;
  pipeline.marker_on_its_way = true;
  pipeline.saved.place = place_after(batch);
}

void save_module(Pipeline& pipeline, std::size_t m) {
  const ModuleTrainer& trainer = pipeline.stages[m].trainer;
  if (pipeline.hooks.on_save) pipeline.hooks.on_save(static_cast<ModuleId>(m));
  pipeline.saved.modules[m] = trainer.save(trainer.next());
}

void hand_over_checkpoint(Pipeline& pipeline, bool is_last) {
  pipeline.saved.seconds = pipeline.seconds_before + seconds_since(pipeline.start);
  pipeline.hooks.on_checkpoint(pipeline.saved, is_last);
}

// After a tick: the module that has had the marked batch is saved; behind the last module the checkpoint is complete.
void follow_marker(Pipeline& pipeline, std::int64_t tick) {
  if (!pipeline.marker_on_its_way) return;
  const std::int64_t m = pipeline.first + tick + 1 - pipeline.saved.place.number;
  save_module(pipeline, static_cast<std::size_t>(m));
  if (m + 1 < static_cast<std::int64_t>(pipeline.stages.size())) return;
  hand_over_checkpoint(pipeline, false);
  pipeline.marker_on_its_way = false;
  pipeline.last_marker = Clock::now();
}

// All modules have had all batches before `place`.
void save_all(Pipeline& pipeline, const BatchPlace& place) {
  if (!pipeline.hooks.on_checkpoint) return;
  pipeline.saved.place = place;
  for (std::size_t m = 0; m < pipeline.stages.size(); ++m) save_module(pipeline, m);
  hand_over_checkpoint(pipeline, true);
}

// Does one tick, in which the first module has the batch number first + tick; returns how many modules had one.
std::int64_t do_tick(Pipeline& pipeline, std::int64_t tick) {
  const auto modules = static_cast<std::int64_t>(pipeline.stages.size());
  const auto has_batch = [&](std::int64_t m) { return tick - m >= 0 && tick - m < pipeline.batches; };
  tbb::parallel_for(
      tbb::blocked_range<std::int64_t>(0, modules, 1),
      [&](const tbb::blocked_range<std::int64_t>& range) {
        for (std::int64_t m = range.begin(); m < range.end(); ++m)
          if (has_batch(m)) take_turn(pipeline, static_cast<std::size_t>(m), pipeline.first + tick - m);
      },
      tbb::simple_partitioner());
  std::int64_t worked = 0;
  for (std::int64_t m = 0; m < modules; ++m) {
    if (!has_batch(m)) continue;
    ++worked;
    if (pipeline.hooks.on_learnt) pipeline.hooks.on_learnt(pipeline.stages[static_cast<std::size_t>(m)].progress);
    if (pipeline.hooks.on_batch) pipeline.hooks.on_batch(pipeline.stages[static_cast<std::size_t>(m)].progress);
  }
  return worked;
}

void go_on_from(Pipeline& pipeline, const RunCheckpoint& from) {
  for (std::size_t m = 0; m < pipeline.stages.size(); ++m) pipeline.stages[m].trainer.restore(from.modules[m]);
  pipeline.first = from.place.number;
  pipeline.seconds_before = from.seconds;
}

}  // namespace

TrainReport train(const Graph& graph, Weights& weights, const BatchSource& source, const TrainOptions& options,
                  const TrainHooks& hooks, const RunCheckpoint* from) {
  check_trainable(graph, weights, options);
  Pipeline pipeline{graph, options, hooks, begin_checkpoint(graph, options), {}, {}};
  for (std::size_t m = 0; m < graph.modules.size(); ++m)
    pipeline.stages.push_back({ModuleTrainer(graph, static_cast<ModuleId>(m), options, weights), {}, {}});
  if (from != nullptr) go_on_from(pipeline, *from);
  BatchReader reader(graph, source, options, from == nullptr ? BatchPlace{} : from->place);
  // As many threads as asked for, also where the machine has fewer cores.
  const tbb::global_control limit(
      tbb::global_control::max_allowed_parallelism,
      static_cast<std::size_t>(std::max(options.threads, tbb::info::default_concurrency())));
  const FlushDenormals flush;  // the arena's workers inherit it
  tbb::task_arena arena(options.threads);
  arena.initialize();
  TrainReport report;
  for (std::int64_t tick = 0;; ++tick) {
    read_batch(pipeline, reader);
    std::int64_t worked = 0;
    arena.execute([&] { worked = do_tick(pipeline, tick); });
    if (worked == 0) break;
    follow_marker(pipeline, tick);
  }
  save_all(pipeline, reader.place());
  report.stopped = options.stop != nullptr && options.stop->load();
  for (const Stage& stage : pipeline.stages) report.modules.push_back(stage.trainer.report());
  report.batches = report.modules.back().batches;
  report.seconds = pipeline.seconds_before + seconds_since(pipeline.start);
  return report;
}

}  // namespace cleave
