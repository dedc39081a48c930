// Repeats a run from its message log.
#pragma once

#include "engine/train/message_log.h"
#include "engine/train/module_trainer.h"

namespace cleave {

// Where a replay is, for progress displays.
struct ReplayProgress {
  ModuleId module = ModuleId::none;
  std::int64_t done = 0, all = 0;  // batches, of all modules
};

// Where the repeated run is not as the log says.
struct ReplayDifference {
  ModuleId module = ModuleId::none;
  TakenBatch logged;
  double loss = 0;  // this time
};

struct ReplayReport {
  std::vector<ModuleReport> modules;
  std::vector<ReplayDifference> differences;  // the first of each module
  bool stopped = false;                       // by the stop flag
};

// Trains `weights`, the run's start weights, in place: every module takes the batches the log says, does as many steps
// on each, and so ends with the weights it had then. Needs the run's own source and options; the number of threads may
// be another. Throws UserError when the log is of other data or cannot be repeated, otherwise as `train`.
ReplayReport replay(const Graph& graph, Weights& weights, const BatchSource& source, const TrainOptions& options,
                    const MessageLog& log, const std::function<void(const ReplayProgress&)>& progress = {});

}  // namespace cleave
