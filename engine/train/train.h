// Training, layer by layer, on one machine: the modules of a graph as a pipeline in lockstep.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/mcmc/chain.h"
#include "engine/mcmc/defaults.h"
#include "engine/train/batches.h"
#include "graphs/graph.h"

namespace cleave {

struct TrainOptions {
  std::int64_t epochs = 1;
  std::int64_t batch = kBatch;          // images
  std::int64_t steps = kStepsPerBatch;  // of every module on every batch
  double lambda = 0;                    // multiplies the reduced loss; 0 = default_lambda
  std::string reduce = "sum";           // sum | mean
  double pick_body = kPickBody;
  double pick_head = kPickHead;
  int threads = 1;
  std::uint64_t seed = 1;
  std::int64_t trace_every = 1;  // steps between two calls of on_step
  std::int64_t lanes = kLanes;   // images per block
  const std::atomic<bool>* stop = nullptr;
};

// A module has done its steps on a batch.
struct BatchProgress {
  std::int64_t epoch = 0;
  std::int64_t batch = 0;  // in the epoch
  std::int64_t images = 0;
  ModuleId module = ModuleId::none;
  double loss = 0;       // reduced, on this batch, after the steps
  double mean_loss = 0;  // a image
  double log_prior = 0;
  double accepted_body = 0, accepted_head = 0;  // shares of the steps on this batch; 0 when there were none
  double steps_per_s = 0;
  std::int64_t not_finite = 0;  // rejected steps whose loss or ratio was not a number
};

struct TrainHooks {
  // Called between two ticks by the thread that called `train`; the weights may be read then.
  std::function<void(const BatchProgress&)> on_batch;
  // Called by the module's own thread after every trace_every-th step; different modules at the same time.
  std::function<void(ModuleId, const TraceRow&)> on_step;
};

struct ModuleReport {
  std::string name;
  ChainCounts counts;
  double loss = 0;     // reduced, on its last batch
  double seconds = 0;  // spent on its turns
};

struct TrainReport {
  std::vector<ModuleReport> modules;
  std::int64_t batches = 0;  // that the last module has finished
  double seconds = 0;
  bool stopped = false;  // by the stop flag
};

// Returns the λ that a model which states none is trained with: λ per image is kLambdaPerImage either way.
double default_lambda(const std::string& reduce, std::int64_t batch);

// Throws UserError for what `train` would refuse: a module without a head, a loss, law or weight type that cannot be
// trained with, options out of range, start weights where the prior is zero. Costs nothing beside training.
void check_trainable(const Graph& graph, const Weights& weights, const TrainOptions& options);

// Trains `weights` in place. In tick t module m works on batch t-m: the input is what module m-1 sent after its steps
// on that batch. The weights that come out depend on graph, weights, source and options, not on the number of threads.
// When the stop flag is set the running tick is finished and the rest left out.
// The graph is the one before fusing. Throws UserError when a module has no head or one that the loss cannot be taken
// of, a setting cannot be trained with, a weight starts outside its prior's support or a label is not a class.
TrainReport train(const Graph& graph, Weights& weights, const BatchSource& source, const TrainOptions& options,
                  const TrainHooks& hooks = {});

}  // namespace cleave
