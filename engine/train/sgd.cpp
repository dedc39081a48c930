#include "engine/train/sgd.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "ops/core/rng.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kMostLanes = 64;

}  // namespace

std::int64_t sgd_lanes(std::int64_t batch) {
  std::int64_t lanes = kMostLanes;
  while (lanes > kLaneMultiple && batch % lanes != 0) lanes -= kLaneMultiple;
  return lanes;
}

const std::string& every_layer() {
  static const std::string kName = "all";
  return kName;
}

Sgd::Sgd(const Graph& graph, ModuleId module, const LikelihoodDef& likelihood, const TrainOptions& options)
    : graph_(graph),
      module_(module),
      options_(options),
      gradient_(graph, module, likelihood),
      state_(graph, module, likelihood) {
  const std::vector<TrainedArray>& arrays = gradient_.arrays();
  momentum_.resize(arrays.empty() ? 0 : static_cast<std::size_t>(arrays.back().first + arrays.back().size));
}

// A function of how many steps were done before this pass, so that a run that goes on shuffles alike.
std::vector<std::int64_t> Sgd::shuffled_blocks(std::int64_t blocks) const {
  Rng rng(options_.seed, kModuleStream + static_cast<std::uint32_t>(index_of(module_)),
          static_cast<std::uint64_t>(counts_.steps));
  std::vector<std::int64_t> order(static_cast<std::size_t>(blocks));
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto j = static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(i) + 1));
    order[i] = order[j];
    order[j] = static_cast<std::int64_t>(i);
  }
  return order;
}

double Sgd::do_step(const BlockBatch& batch, std::span<const std::int64_t> blocks, Weights& weights) {
  const double loss = gradient_.compute(batch, blocks, weights);
  const auto rate = static_cast<float>(options_.sgd.learning_rate), keep = static_cast<float>(options_.sgd.momentum);
  for (const TrainedArray& array : gradient_.arrays()) {
    float* values = weights[index_of(array.node)].arrays[array.array].data();
    const float* slopes = gradient_.slopes().data() + array.first;
    float* momentum = momentum_.data() + array.first;
    for (std::int64_t i = 0; i < array.size; ++i) {
      momentum[i] = keep * momentum[i] + slopes[i];
      values[i] -= rate * momentum[i];
    }
  }
  ++counts_.steps;
  return loss;
}

void Sgd::refuse_diverged(const TrainBatch& batch) const {
  throw RunError(
      fmt::format("module '{0}': the loss is no number any more in step {1}, on batch {2} of epoch {3}: gradient steps "
                  "with the learning rate {4:g} run away; lower training.sgd.learning_rate, to {5:g} perhaps",
                  graph_.module(module_).name, counts_.steps, batch.batch + 1, batch.epoch + 1,
                  options_.sgd.learning_rate, options_.sgd.learning_rate / 10));
}

BatchProgress Sgd::learn(const TrainBatch& batch, Weights& weights, const std::function<bool()>& newer,
                         const std::function<void(const TraceRow&)>& trace) {
  const Clock::time_point start = Clock::now();
  const std::int64_t before = counts_.steps;
  const auto in_a_step = static_cast<std::size_t>(std::max<std::int64_t>(1, options_.sgd.batch / batch.data.lanes));
  std::vector<std::int64_t> order;
  std::size_t next = 0;
  ++batches_;
  while (counts_.steps - before < options_.steps) {
    if (next == order.size()) {
      order = shuffled_blocks(batch.data.blocks());
      next = 0;
    }
    const std::size_t count = std::min(in_a_step, order.size() - next);
    const std::int64_t step = counts_.steps;
    const double loss = do_step(batch.data, std::span(order).subspan(next, count), weights);
    next += count;
    if (!std::isfinite(loss)) refuse_diverged(batch);
    if (trace && step % options_.trace_every == 0)
      trace({.step = step, .batch = batches_ - 1, .layer = &every_layer(), .accepted = true, .loss = loss});
    if (newer && newer()) break;
  }
  state_.set_batch(batch.data, weights);
  if (!std::isfinite(state_.loss())) refuse_diverged(batch);
  const double mean = state_.loss() / static_cast<double>(batch.data.images);
  loss_ = options_.reduce == "mean" ? mean : state_.loss();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  seconds_ += seconds;
  return {.number = batch.number,
          .epoch = batch.epoch,
          .batch = batch.batch,
          .images = batch.data.images,
          .module = module_,
          .loss = loss_,
          .mean_loss = mean,
          .steps = counts_.steps - before,
          .steps_per_s = static_cast<double>(counts_.steps - before) / seconds};
}

ModuleReport Sgd::report() const { return {graph_.module(module_).name, counts_, loss_, seconds_, batches_}; }

void Sgd::save(ModuleCheckpoint& to) const {
  to.counts = counts_;
  to.batches = batches_;
  to.loss = loss_;
  to.momentum = momentum_;
}

void Sgd::restore(const ModuleCheckpoint& from) {
  if (from.momentum.size() != momentum_.size())
    throw RunError(fmt::format("the checkpoint of module '{}' is not of training by sgd, or of another model",
                               graph_.module(module_).name));
  counts_ = from.counts;
  batches_ = from.batches;
  loss_ = from.loss;
  momentum_ = from.momentum;
}

}  // namespace cleave
