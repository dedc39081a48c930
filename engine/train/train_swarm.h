// Training over workers: the cascade of paper 000 with each module where the plan puts it. The same batches in the same
// order give, in lockstep, the same weights as on one machine, whatever dies in between.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/runtime/swarm_setup.h"
#include "engine/train/cascade.h"
#include "engine/train/run_checkpoint.h"

namespace cleave {

// A test batch has come by a module.
struct ScoredBatch {
  ModuleId module = ModuleId::none;
  std::int64_t epoch = 0;  // behind which it was sent
  TestScore score;         // of all test batches of this epoch so far
  bool whole = false;      // all have been scored
};

struct SwarmTraining {
  SwarmSetup setup;            // `batch` is the options'
  std::vector<int> device_of;  // [module] -> device of the swarm
  // Emulation: seconds of a module's forward pass over a batch, and of one step; by module. Empty = none.
  std::vector<double> forward_s, step_s;
  // Test batches, sent down the cascade behind every epoch: as a BatchSource of one epoch. May be empty.
  BatchSource test;
  std::function<void(const ScoredBatch&)> on_scored;
  // Where the modules go when these devices are gone; empty = the run ends. May be empty.
  std::function<std::vector<int>(const std::vector<std::string>& gone)> replan;
};

// What became of a worker, for displays.
struct SwarmState {
  std::vector<std::string> devices;  // by stage
  std::vector<MemberStatus> members;
};

// Trains `weights` as train_cascade does, on workers. `hooks.on_checkpoint` is called with every complete checkpoint,
// which also is what lost workers begin anew with: at least every few dozen batches, so that nobody has to keep many.
// When the stop flag is set no more batches are read, and those that were go through, for at most ten seconds; what
// was not finished by then is behind the last checkpoint. Throws as train_cascade, and RunError
// (ExitCode::unreachable) naming the workers that are not there.
TrainReport train_swarm(const Graph& graph, Weights& weights, const BatchSource& source, const TrainOptions& options,
                        const SwarmTraining& swarm, const TrainHooks& hooks = {}, const RunCheckpoint* from = nullptr);

}  // namespace cleave
