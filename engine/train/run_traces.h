// All trace files of a chain of a run.
#pragma once

#include <cstdint>
#include <deque>

#include "engine/train/run_checkpoint.h"
#include "engine/train/run_folder.h"
#include "engine/train/trace.h"

namespace cleave {

// Steps of different modules may be written at the same time, and batches beside them.
class RunTraces {
 public:
  // Opens the files of every module, and makes them end where `from`, if any, was taken. `configuration` gets the
  // module's name in front. Throws RunError.
  RunTraces(const RunFolder& folder, const Graph& graph, const TraceConfiguration& configuration,
            std::int64_t batches_per_epoch, const RunCheckpoint* from);

  void write(ModuleId module, const TraceRow& row) { steps_[index_of(module)].write(row); }
  void write(const BatchProgress& batch) { batches_[index_of(batch.module)].write(batch); }
  // Puts the module's steps on the disk's side, or everything.
  void finish_steps(ModuleId module) { steps_[index_of(module)].finish(); }
  void finish_batches();
  void finish();

 private:
  std::deque<TraceWriter> steps_;
  std::deque<BatchWriter> batches_;
};

}  // namespace cleave
