// Training, layer by layer, on one machine: the modules of a graph as a pipeline in lockstep.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/mcmc/chain.h"
#include "engine/mcmc/defaults.h"
#include "engine/train/batches.h"
#include "graphs/graph.h"

namespace cleave {

enum class BufferPolicy : std::uint8_t {
  fifo,    // each batch once, in order of arrival
  latest,  // the newest; older ones are dropped
  replay,  // the newest first; kept, and used again when nothing newer came (000, section 1.2)
};

// The queue before a module, see BatchBuffer.
struct BufferOptions {
  BufferPolicy policy = BufferPolicy::fifo;
  std::int64_t capacity = 4;  // batches
  bool drop_oldest = false;   // when full; else `put` waits
};

struct BufferCounts {  // of batches
  std::int64_t arrived = 0, taken = 0, dropped = 0, reused = 0, waiting = 0;
  double put_wait_s = 0, take_wait_s = 0;
  double silent_s = 0;  // since the last batch arrived, or since the beginning
};

enum class TrainMode : std::uint8_t {
  lockstep,  // every module does exactly `steps` steps on every batch: the same weights always
  async,     // every module goes on with what its buffer gives it; what comes out depends on time
};

// Of algorithm sgd. The rate multiplies the slope of the mean loss of a step's images, whatever `reduce` says.
struct SgdOptions {
  double learning_rate = kLearningRate;
  double momentum = kMomentum;
  std::int64_t batch = kSgdBatch;  // images of a step: a multiple of the lanes
};

struct TrainOptions {
  std::int64_t epochs = 1;
  std::int64_t batch = kBatch;          // images
  std::int64_t steps = kStepsPerBatch;  // of every module on every batch
  double lambda = 0;                    // multiplies the reduced loss; 0 = default_lambda
  std::string reduce = "sum";           // sum | mean
  double pick_body = kPickBody;
  double pick_head = kPickHead;
  TrainMode mode = TrainMode::lockstep;
  BufferOptions buffer;     // before every module but the first; async only
  bool stop_early = false;  // a module leaves a batch when newer input has arrived; async only
  int threads = 1;
  std::uint64_t seed = 1;
  std::int64_t trace_every = 1;    // steps between two calls of on_step
  double checkpoint_every_s = 0;   // between two calls of on_checkpoint; 0 = only the last one
  std::int64_t epoch_batches = 0;  // above 0: train_cascade calls on_checkpoint behind every so many batches, too
  std::int64_t lanes = kLanes;     // images per block
  std::string algorithm = "metropolis_hastings";  // or sgd
  SgdOptions sgd;
  // Annealing, see ChainOptions; the steps of a module after which the temperature stays.
  double start_temperature = 1, end_temperature = 1;
  std::int64_t annealed_steps = 0;
  std::int64_t warm_up = 0;                     // steps of each module, in which scales adapt and no draw is kept
  std::int64_t keep_draws = 0, keep_every = 1;  // the newest so many, and the steps between two
  std::string data;                             // what is trained on, in words and a hash: checkpoints carry it
  const std::atomic<bool>* stop = nullptr;
};

// A module has done its steps on a batch.
struct BatchProgress {
  std::int64_t number = 0;  // of the batch, over all epochs
  std::int64_t epoch = 0;
  std::int64_t batch = 0;   // in the epoch
  std::int64_t learnt = 0;  // batches this module has learnt, this one included
  std::int64_t sent = 0;    // the number under which what the body made of it goes on
  std::int64_t images = 0;
  ModuleId module = ModuleId::none;
  double loss = 0;       // reduced, on this batch, after the steps
  double mean_loss = 0;  // a image
  double log_prior = 0;
  double accepted_body = 0, accepted_head = 0;  // shares of the steps on this batch; 0 when there were none
  std::int64_t steps = 0;                       // on this batch
  double steps_per_s = 0;
  std::int64_t not_finite = 0;  // rejected steps whose loss or ratio was not a number
  BufferCounts buffer = {};     // before the module; a cascade's only
};

struct RunCheckpoint;

// `train` calls them between two ticks, train_cascade as things happen; by the thread that called, unless said
// otherwise.
struct TrainHooks {
  // The weights may be read then by who called `train`, but not by who called train_cascade.
  std::function<void(const BatchProgress&)> on_batch;
  // Every batch learnt, also one that a module begun anew learns once more.
  std::function<void(const BatchProgress&)> on_learnt;
  // After every trace_every-th step, by the module's own thread; different modules at the same time.
  std::function<void(ModuleId, const TraceRow&)> on_step;
  // All its on_step calls so far belong to a checkpoint that will be given to on_checkpoint. By the module's own
  // thread.
  std::function<void(ModuleId)> on_save;
  // What to go on from, now and then, see checkpoint_every_s and epoch_batches; and once in the end, also of a run that
  // was stopped.
  std::function<void(const RunCheckpoint&, bool is_last)> on_checkpoint;
};

struct ModuleReport {
  std::string name;
  ChainCounts counts;
  double loss = 0;           // reduced, on its last batch
  double seconds = 0;        // spent on its turns, by this trainer
  std::int64_t batches = 0;  // it was given
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
// The same for one module, of whose nodes alone `weights` are read.
void check_module_trainable(const Graph& graph, ModuleId module, const Weights& weights, const TrainOptions& options);
// Throws UserError when a label is not a class of the module's head.
void check_labels(const Graph& graph, ModuleId module, std::span<const std::int32_t> labels);

// Trains `weights` in place. In tick t module m works on batch t-m: the input is what module m-1 sent after its steps
// on that batch. The weights that come out depend on graph, weights, source and options, not on the number of threads.
// When the stop flag is set no more batches are read, and those that were go through all modules.
// With `from` it goes on where that checkpoint was taken, and ends as a run that was never stopped.
// The graph is the one before fusing. Throws UserError when a module has no head or one that the loss cannot be taken
// of, a setting cannot be trained with, a weight starts outside its prior's support or a label is not a class.
TrainReport train(const Graph& graph, Weights& weights, const BatchSource& source, const TrainOptions& options,
                  const TrainHooks& hooks = {}, const RunCheckpoint* from = nullptr);

}  // namespace cleave
