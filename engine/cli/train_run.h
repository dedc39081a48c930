// One training run from its first batch to its last line, in a run folder: new, or gone on with.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/cli/log.h"
#include "engine/cli/train_progress.h"
#include "engine/cli/train_result.h"
#include "engine/train/run_checkpoint.h"
#include "engine/train/run_folder.h"
#include "engine/train/run_traces.h"

namespace cleave {

class SideChains;
struct ScoredBatch;

// Everything it is given outlives it.
class TrainRun {
 public:
  // A run in a folder that is made for it. `model_file` as given.
  TrainRun(TrainJob& job, const std::string& model_file, const CommonOptions& common, Log& log);
  // A run that goes on in its folder from a checkpoint.
  TrainRun(TrainJob& job, const CommonOptions& common, Log& log, const RunFolder& folder, RunRecord record,
           FoundCheckpoint from);

  ~TrainRun();

  ExitCode run();

 private:
  void save_weights(const Weights& weights);
  void end_epoch(const Weights& weights, std::int64_t epochs);
  void on_batch(const BatchProgress& progress);
  void on_checkpoint(const RunCheckpoint& checkpoint, bool is_last);
  void on_scored(const ScoredBatch& scored);
  bool has_current_weights() const;
  void train_all();
  void finish();
  [[noreturn]] void stop_here();
  void write_record(const std::string& status, const std::string& results);

  TrainJob& job_;
  const CommonOptions& common_;
  Log& log_;
  RunFolder folder_;
  RunLock lock_;
  RunRecord record_;
  std::unique_ptr<FoundCheckpoint> from_;  // null for a new run
  TrainProgress progress_;
  std::unique_ptr<RunTraces> traces_;
  std::unique_ptr<SideChains> others_;
  std::vector<std::int64_t> train_scored_;
  TrainResult result_;
  std::int64_t epochs_done_ = 0;
  double scoring_cpu_s_ = 0;      // CPU time that is not training's
  std::string checkpoint_;        // the file written last
  std::string checkpoint_fault_;  // why the last one could not be written; "" = it was
  std::chrono::steady_clock::time_point checkpoint_time_;
  std::map<std::int64_t, std::vector<double>> swarm_accuracy_;  // by epoch: of every module's head on test batches
  Weights snapshot_;                                            // of a checkpoint, while threads change the job's
};

}  // namespace cleave
