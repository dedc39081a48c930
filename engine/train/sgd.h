// Sgd: one module trained by the slope of its own head's loss, the inner loop of ModuleTrainer for `algorithm: sgd`
// (decoupled greedy learning: Belilovsky, Eickenberg and Oyallon, ICML 2020).
//
// A batch of the cascade is cut into blocks of lanes, and these, in an order that is shuffled anew for each pass, into
// the images of one step: v <- momentum·v + slope of their mean loss, w <- w - learning_rate·v (Polyak 1964). No
// gradient leaves the module.
#pragma once

#include "engine/mcmc/module_state.h"
#include "engine/train/module_trainer.h"
#include "engine/train/sgd_gradient.h"

namespace cleave {

// Images per block for steps of `batch` images: the largest number up to 64 that divides it.
std::int64_t sgd_lanes(std::int64_t batch);

// Throws UserError, with the layer's place in the model file, where the module's loss has no slope by one of its
// weights.
void check_gradients(const Graph& graph, ModuleId module, const TrainOptions& options);

// "the loss 'zero_one' has no gradient …"
std::string no_gradient_of(const LikelihoodDef& loss);

// What a trace calls the layer of a step that changes all of them.
const std::string& every_layer();

// Not thread safe. Weights after a step are the same for any number of threads.
class Sgd {
 public:
  // The graph and the options must outlive it.
  Sgd(const Graph& graph, ModuleId module, const LikelihoodDef& likelihood, const TrainOptions& options);

  // As ModuleTrainer::learn. Throws RunError when the loss is no number any more.
  BatchProgress learn(const TrainBatch& batch, Weights& weights, const std::function<bool()>& newer,
                      const std::function<void(const TraceRow&)>& trace);
  // The module on the batch of the last call, with the weights as they are now.
  const ModuleState& state() const { return state_; }

  ModuleReport report() const;
  void save(ModuleCheckpoint& to) const;
  // Throws RunError when the momentum is another model's.
  void restore(const ModuleCheckpoint& from);

 private:
  std::vector<std::int64_t> shuffled_blocks(std::int64_t blocks) const;
  double do_step(const BlockBatch& batch, std::span<const std::int64_t> blocks, Weights& weights);
  [[noreturn]] void refuse_diverged(const TrainBatch& batch) const;

  const Graph& graph_;
  ModuleId module_;
  const TrainOptions& options_;
  ModuleGradient gradient_;
  ModuleState state_;
  std::vector<float> momentum_;  // of all trained weights, in the gradient's order
  ChainCounts counts_;           // steps alone
  std::int64_t batches_ = 0;
  double loss_ = 0;  // reduced, on the last batch
  double seconds_ = 0;
};

}  // namespace cleave
