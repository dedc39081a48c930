// The cascade of modules: each a loop of its own on what its buffer gives it (paper 000, section 3.1). The same loop
// runs in a thread of this process and on a worker; only where its ports lead differs.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/train/buffer.h"
#include "engine/train/module_trainer.h"

namespace cleave {

// Where what a module makes goes; called by the thread of the loop. Empty ones are left out.
struct ModulePorts {
  // To the next module, batches to learn and test batches; waits as long as it must. False ends the loop. Numbers
  // ascend: where a batch is used again, or taken behind a newer one, it goes under the next free number.
  std::function<bool(TrainBatch&&)> send;
  // The module's state behind a marked batch, before the batch is sent on; and once more when the input has ended.
  std::function<void(const ModuleCheckpoint&)> checkpoint;
  std::function<void(std::int64_t number, const TestScore&)> scored;
  std::function<void(const BatchProgress&)> progress;
  std::function<void(const TraceRow&)> trace;
  std::function<void()> after_step;  // for emulated devices: takes the time that a step takes there
};

// Learns what `in` gives until it is ended or closed, or a port says so, on `threads` threads of an arena of its own.
// True when all input was learnt and sent on. In lockstep every batch gets all its steps; in async, with stop_early, a
// module other than the first leaves a batch when a newer one waits.
bool run_module(ModuleTrainer& trainer, ModuleId module, const TrainOptions& options, BatchBuffer& in,
                const ModulePorts& ports, int threads);

// The buffer before a module: as the options say; but in lockstep, and before the first module, which could read
// everything it drops, a fifo that makes its sender wait.
BufferOptions buffer_before(ModuleId module, const TrainOptions& options);

// Trains `weights` in place, one thread a module with buffers between them, and at least one thread for each. In
// lockstep the weights that come out are those of `train`. When the stop flag is set no more batches are read; in
// lockstep those that were go through all modules, in async each module finishes the one it is at. Otherwise as
// `train`.
TrainReport train_cascade(const Graph& graph, Weights& weights, const BatchSource& source, const TrainOptions& options,
                          const TrainHooks& hooks = {}, const RunCheckpoint* from = nullptr);

}  // namespace cleave
