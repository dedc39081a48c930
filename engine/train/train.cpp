// Lockstep: time goes in ticks. In one tick every module that has a batch does all its steps on it; then what the
// bodies send is in the other half of the hand-over buffers, where the next module reads it in the next tick while this
// one writes the first half again. Modules touch different weights and different buffers, so a tick needs no locks.
#include "engine/train/train.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

#include <fmt/format.h>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "engine/mcmc/likelihoods.h"
#include "engine/runtime/denormals.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A module at work: its chain, and what it sends, by parity of the batch's number.
struct Worker {
  Chain chain;
  std::array<BlockBatch, 2> sent;
  ChainCounts before;  // of this batch
  double batch_seconds = 0;
  double seconds = 0;
};

struct BatchId {
  std::int64_t epoch = 0;
  std::int64_t batch = 0;
  std::int64_t images = 0;
};

struct Pipeline {
  const Graph& graph;
  Weights& weights;
  const TrainOptions& options;
  const TrainHooks& hooks;
  std::vector<Worker> workers;
  std::array<BlockBatch, 2> input;  // of the first module, by parity
  std::vector<BatchId> batches;     // all that were read
};

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

const LikelihoodDef& likelihood_of(const Graph& graph) {
  const LikelihoodDef* likelihood = find(likelihood_catalog(), graph.loss.name);
  if (likelihood == nullptr || !likelihood->runs())
    throw UserError(fmt::format("network.loss: '{}' cannot be trained with", graph.loss.name));
  return *likelihood;
}

std::vector<Worker> make_workers(const Graph& graph, const TrainOptions& options) {
  const double lambda = options.lambda > 0 ? options.lambda : default_lambda(options.reduce, options.batch);
  std::vector<Worker> workers;
  workers.reserve(graph.modules.size());
  for (std::size_t m = 0; m < graph.modules.size(); ++m) {
    const ChainOptions chain{.lambda = lambda,
                             .mean = options.reduce == "mean",
                             .pick_body = options.pick_body,
                             .pick_head = options.pick_head,
                             .seed = options.seed,
                             .stream = kModuleStream + static_cast<std::uint32_t>(m),
                             .refresh_every = kRefreshEvery};
    workers.push_back({Chain(graph, static_cast<ModuleId>(m), likelihood_of(graph), chain), {}, {}, 0, 0});
  }
  return workers;
}

// One module's turn: all its steps on batch number `number`.
void take_turn(Pipeline& pipeline, std::size_t m, std::int64_t number) {
  Worker& worker = pipeline.workers[m];
  const std::size_t half = static_cast<std::size_t>(number % 2);
  const BlockBatch& batch = m == 0 ? pipeline.input[half] : pipeline.workers[m - 1].sent[half];
  const Clock::time_point start = Clock::now();
  worker.before = worker.chain.counts();
  worker.chain.set_batch(batch, pipeline.weights);
  std::function<void(const TraceRow&)> trace;
  if (pipeline.hooks.on_step)
    trace = [&](const TraceRow& row) { pipeline.hooks.on_step(static_cast<ModuleId>(m), row); };
  worker.chain.run(pipeline.options.steps, trace, pipeline.options.trace_every);
  if (m + 1 < pipeline.workers.size()) worker.chain.state().copy_body(worker.sent[half]);
  worker.batch_seconds = seconds_since(start);
  worker.seconds += worker.batch_seconds;
}

void report_turn(const Pipeline& pipeline, std::size_t m, const BatchId& batch) {
  if (!pipeline.hooks.on_batch) return;
  const Worker& worker = pipeline.workers[m];
  const ChainCounts& now = worker.chain.counts();
  const ChainCounts& before = worker.before;
  const double loss = worker.chain.state().loss();
  pipeline.hooks.on_batch(
      {.epoch = batch.epoch,
       .batch = batch.batch,
       .images = batch.images,
       .module = static_cast<ModuleId>(m),
       .loss = worker.chain.loss(),
       .mean_loss = loss / static_cast<double>(batch.images),
       .log_prior = worker.chain.log_prior(),
       .accepted_body = share(now.body_accepted - before.body_accepted, now.body_steps - before.body_steps),
       .accepted_head = share(now.head_accepted - before.head_accepted, now.head_steps - before.head_steps),
       .steps_per_s = static_cast<double>(now.steps - before.steps) / worker.batch_seconds,
       .not_finite = now.not_finite - before.not_finite});
}

// Throws UserError when a label is not a class of every head.
void check_labels(const Graph& graph, std::span<const std::int32_t> labels) {
  for (const Module& module : graph.modules) {
    const std::int64_t classes = element_count(graph.node(module.head).type.shape);
    for (const std::int32_t label : labels)
      if (label < 0 || label >= classes)
        throw UserError(fmt::format("an image has the label {}, the head of module '{}' has {} classes, from 0", label,
                                    module.name, classes));
  }
}

// Reads the next batch into the first module's input; false when all epochs are over.
bool read_batch(Pipeline& pipeline, const BatchSource& source, Tensor& images, std::vector<std::int32_t>& labels) {
  BatchId id = pipeline.batches.empty() ? BatchId{} : pipeline.batches.back();
  if (!pipeline.batches.empty()) ++id.batch;
  for (; id.epoch < pipeline.options.epochs; id = {id.epoch + 1, 0, 0}) {
    id.images = source(id.epoch, id.batch, images.view(), labels);
    if (id.images == 0 && id.batch == 0) return false;  // no images at all
    if (id.images == 0) continue;
    check_labels(pipeline.graph, std::span(labels).first(static_cast<std::size_t>(id.images)));
    const ConstTensorView filled{id.images, &images.shape, images.data.data()};
    fill_batch(pipeline.input[pipeline.batches.size() % 2], filled, labels, pipeline.options.lanes);
    pipeline.batches.push_back(id);
    return true;
  }
  return false;
}

// Does one tick; returns how many modules had a batch.
std::int64_t do_tick(Pipeline& pipeline, std::int64_t tick) {
  const auto modules = static_cast<std::int64_t>(pipeline.workers.size());
  const auto batches = static_cast<std::int64_t>(pipeline.batches.size());
  const auto has_batch = [&](std::int64_t m) { return tick - m >= 0 && tick - m < batches; };
  tbb::parallel_for(
      tbb::blocked_range<std::int64_t>(0, modules, 1),
      [&](const tbb::blocked_range<std::int64_t>& range) {
        for (std::int64_t m = range.begin(); m < range.end(); ++m)
          if (has_batch(m)) take_turn(pipeline, static_cast<std::size_t>(m), tick - m);
      },
      tbb::simple_partitioner());
  std::int64_t worked = 0;
  for (std::int64_t m = 0; m < modules; ++m) {
    if (!has_batch(m)) continue;
    ++worked;
    report_turn(pipeline, static_cast<std::size_t>(m), pipeline.batches[static_cast<std::size_t>(tick - m)]);
  }
  return worked;
}

}  // namespace

double default_lambda(const std::string& reduce, std::int64_t batch) {
  return reduce == "mean" ? kLambdaPerImage * static_cast<double>(batch) : kLambdaPerImage;
}

void check_trainable(const Graph& graph, const Weights& weights, const TrainOptions& options) {
  likelihood_of(graph);
  if (graph.modules.empty()) throw UserError("the model has no modules to train");
  for (const Module& module : graph.modules) {
    if (module.head == NodeId::none)
      throw UserError(fmt::format("module '{}' has no head: it cannot be trained without one", module.name));
    const OpDef* last = graph.node(module.head).op;
    if (graph.loss.name == "cross_entropy" && last != nullptr && std::string_view(last->name) == "softmax")
      throw UserError(
          fmt::format("module '{}': the head ends in a softmax, and cross_entropy takes one of its own: "
                      "leave it out",
                      module.name));
  }
  if (options.reduce != "sum" && options.reduce != "mean")
    throw UserError(fmt::format("reduce must be sum or mean, not '{}'", options.reduce));
  if (options.batch < 1 || options.epochs < 0 || options.steps < 0 || options.threads < 1 || options.trace_every < 1)
    throw UserError("training needs batch, threads and trace_every of at least 1, epochs and steps of at least 0");
  if (!(options.lambda >= 0)) throw UserError("lambda must not be negative");
  for (std::size_t m = 0; m < graph.modules.size(); ++m)
    check_start(plan_module(graph, static_cast<ModuleId>(m)), graph, weights);
}

TrainReport train(const Graph& graph, Weights& weights, const BatchSource& source, const TrainOptions& options,
                  const TrainHooks& hooks) {
  check_trainable(graph, weights, options);
  const Clock::time_point start = Clock::now();
  Pipeline pipeline{graph, weights, options, hooks, make_workers(graph, options), {}, {}};
  Tensor images(options.batch, graph.node(graph.modules.front().input).type.shape);
  std::vector<std::int32_t> labels(static_cast<std::size_t>(options.batch));
  // As many threads as asked for, also where the machine has fewer cores.
  const tbb::global_control limit(
      tbb::global_control::max_allowed_parallelism,
      static_cast<std::size_t>(std::max(options.threads, tbb::info::default_concurrency())));
  const FlushDenormals flush;  // the arena's workers inherit it
  tbb::task_arena arena(options.threads);
  arena.initialize();
  TrainReport report;
  std::int64_t tick = 0;
  for (bool more = true;; ++tick) {
    more = more && read_batch(pipeline, source, images, labels);
    std::int64_t worked = 0;
    arena.execute([&] { worked = do_tick(pipeline, tick); });
    if (worked == 0) break;
    if (tick + 1 >= static_cast<std::int64_t>(graph.modules.size())) ++report.batches;
    if (options.stop != nullptr && options.stop->load()) {
      report.stopped = true;
      break;
    }
  }
  for (std::size_t m = 0; m < pipeline.workers.size(); ++m) {
    const Worker& worker = pipeline.workers[m];
    const double loss = worker.chain.counts().steps > 0 ? worker.chain.loss() : 0.0;
    report.modules.push_back({graph.modules[m].name, worker.chain.counts(), loss, worker.seconds});
  }
  report.seconds = seconds_since(start);
  return report;
}

}  // namespace cleave
