#include "engine/train/module_trainer.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cmath>
#include <optional>

#include "engine/mcmc/likelihoods.h"
#include "engine/train/kept_draws.h"
#include "engine/train/sgd.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

ChainOptions chain_options(ModuleId module, const TrainOptions& options) {
  return {.lambda = options.lambda > 0 ? options.lambda : default_lambda(options.reduce, options.batch),
          .mean = options.reduce == "mean",
          .pick_body = options.pick_body,
          .pick_head = options.pick_head,
          .seed = options.seed,
          .stream = kModuleStream + static_cast<std::uint32_t>(index_of(module)),
          .refresh_every = kRefreshEvery,
          .start_temperature = options.start_temperature,
          .end_temperature = options.end_temperature,
          .annealed_steps = options.annealed_steps,
          .warm_up = options.warm_up};
}

// Adds how the head answered the images of a block.
void score_block(const ConstBlockView& logits, std::int64_t used, const std::int32_t* labels, TestScore& score) {
  for (std::int64_t i = 0; i < used; ++i) {
    std::int64_t best = 0;
    const auto logit = [&](std::int64_t c) { return static_cast<double>(logits.channel(c)[i]); };
    for (std::int64_t c = 1; c < logits.channels; ++c)
      if (logit(c) > logit(best)) best = c;
    double sum = 0;
    for (std::int64_t c = 0; c < logits.channels; ++c) sum += std::exp(logit(c) - logit(best));
    ++score.images;
    if (best == labels[i]) ++score.correct;
    score.cross_entropy += std::log(sum) + logit(best) - logit(labels[i]);
  }
}

}  // namespace

struct ModuleTrainer::State {
  State(const Graph& of, ModuleId id, const TrainOptions& with, Weights& changes)
      : graph(of),
        module(id),
        options(with),
        weights(changes),
        likelihood(*find(likelihood_catalog(), of.loss.name)),
        chain(of, id, likelihood, chain_options(id, with)),
        kept(of, id, with) {
    if (with.algorithm == "sgd") sgd.emplace(of, id, likelihood, options);
  }

  const Graph& graph;
  ModuleId module;
  TrainOptions options;
  Weights& weights;
  const LikelihoodDef& likelihood;
  Chain chain;
  KeptDraws kept;
  std::optional<Sgd> sgd;             // in the chain's place
  std::optional<ModuleState> scorer;  // test batches must not touch the chain's state
  const ModuleState* last = nullptr;  // that of the last call
  std::int64_t next = 0;
  double loss = 0;
  double seconds = 0;
};

ModuleTrainer::ModuleTrainer(const Graph& graph, ModuleId module, const TrainOptions& options, Weights& weights) {
  check_module_trainable(graph, module, weights, options);
  state_ = std::make_unique<State>(graph, module, options, weights);
}

ModuleTrainer::~ModuleTrainer() = default;
ModuleTrainer::ModuleTrainer(ModuleTrainer&&) noexcept = default;

BatchProgress ModuleTrainer::learn(const TrainBatch& batch, const std::function<bool()>& newer,
                                   const std::function<void(const TraceRow&)>& trace) {
  State& s = *state_;
  const std::int64_t images = batch.data.images;
  assert(batch.data.shape == s.graph.node(s.graph.module(s.module).input).type.shape && images > 0);
  check_labels(s.graph, s.module, std::span(batch.data.labels).first(static_cast<std::size_t>(images)));
  if (s.sgd) {
    const BatchProgress progress = s.sgd->learn(batch, s.weights, newer, trace);
    s.last = &s.sgd->state();
    s.next = std::max(s.next, batch.number + 1);
    return progress;
  }
  const Clock::time_point start = Clock::now();
  const ChainCounts before = s.chain.counts();
  s.chain.set_batch(batch.data, s.weights);
  s.kept.run(
      s.options.steps, newer, s.weights, [&s] { return s.chain.counts().steps; },
      [&](std::int64_t count, const std::function<bool()>& enough) {
        s.chain.run(count, trace, s.options.trace_every, enough);
      });
  s.last = &s.chain.state();
  s.next = std::max(s.next, batch.number + 1);
  s.loss = s.chain.loss();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  s.seconds += seconds;
  const ChainCounts& now = s.chain.counts();
  return {.number = batch.number,
          .epoch = batch.epoch,
          .batch = batch.batch,
          .learnt = s.chain.batches(),
          .sent = batch.number,
          .images = images,
          .module = s.module,
          .loss = s.loss,
          .mean_loss = s.chain.state().loss() / static_cast<double>(images),
          .log_prior = s.chain.log_prior(),
          .accepted_body = share(now.body_accepted - before.body_accepted, now.body_steps - before.body_steps),
          .accepted_head = share(now.head_accepted - before.head_accepted, now.head_steps - before.head_steps),
          .steps = now.steps - before.steps,
          .steps_per_s = static_cast<double>(now.steps - before.steps) / seconds,
          .not_finite = now.not_finite - before.not_finite};
}

TestScore ModuleTrainer::score(const TrainBatch& batch) {
  State& s = *state_;
  check_labels(s.graph, s.module, std::span(batch.data.labels).first(static_cast<std::size_t>(batch.data.images)));
  if (!s.scorer) s.scorer.emplace(s.graph, s.module, s.likelihood);
  s.scorer->set_batch(batch.data, s.weights);
  s.last = &*s.scorer;
  TestScore score;
  for (std::int64_t b = 0; b < batch.data.blocks(); ++b)
    score_block(s.scorer->output(s.graph.module(s.module).head, b), batch.data.used(b),
                batch.data.labels.data() + b * batch.data.lanes, score);
  return score;
}

void ModuleTrainer::copy_body(BlockBatch& to) const {
  assert(state_->last != nullptr);
  state_->last->copy_body(to);
  round_batch(to, state_->graph.module(state_->module).send);
}

ModuleReport ModuleTrainer::report() const {
  const State& s = *state_;
  if (s.sgd) return s.sgd->report();
  return {s.graph.module(s.module).name, s.chain.counts(), s.loss, s.seconds, s.chain.batches()};
}

std::int64_t ModuleTrainer::next() const { return state_->next; }

ModuleCheckpoint ModuleTrainer::save(std::int64_t next) const {
  const State& s = *state_;
  ModuleCheckpoint checkpoint{.module = s.graph.module(s.module).name,
                              .next = next,
                              .weights = {},
                              .counts = s.chain.counts(),
                              .batches = s.chain.batches(),
                              .accepted_since_refresh = s.chain.accepted_since_refresh(),
                              .loss = s.loss,
                              .scales = s.chain.scales(),
                              .draws = s.kept.draws()};
  for (const NodeId node : layers_of(s.graph, s.module)) checkpoint.weights.push_back(s.weights[index_of(node)]);
  if (s.sgd) s.sgd->save(checkpoint);
  return checkpoint;
}

void ModuleTrainer::restore(const ModuleCheckpoint& checkpoint) {
  State& s = *state_;
  restore_weights(checkpoint, s.graph, s.module, s.weights);
  if (!s.chain.restore(checkpoint.counts, checkpoint.batches, checkpoint.accepted_since_refresh, checkpoint.scales))
    throw RunError("a module's checkpoint is of another model: other proposals adapt");
  s.kept.restore(checkpoint.draws);
  if (s.sgd) s.sgd->restore(checkpoint);
  s.next = checkpoint.next;
  s.loss = checkpoint.loss;
}

}  // namespace cleave
