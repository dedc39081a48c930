// How a training run looks while it goes on.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/cli/log.h"
#include "engine/cli/train_job.h"
#include "engine/train/live_diagnostics.h"
#include "engine/train/module_trainer.h"

namespace cleave {

// On a terminal a picture that is redrawn: a bar and one line a module. Else a plain line now and then. Not thread
// safe: called between two ticks.
class TrainProgress {
 public:
  // `from`: where the run begins, or goes on.
  TrainProgress(const TrainJob& job, const CommonOptions& common, Log& log, const BatchPlace& from);

  void batch_done(const BatchProgress& progress);
  // A batch of a chain beside this one; thread safe.
  void chain_heard(std::size_t chain, const BatchProgress& progress);
  // Accuracies by module, in place of those of the epoch before; an empty list leaves a column out.
  void scored(std::vector<double> train_accuracy, std::vector<double> test_accuracy);
  // Leaves what is drawn as it is; what comes next starts on a line of its own.
  void finish();

 private:
  double seconds_a_batch() const;
  double eta_s() const;
  std::string head_line(std::size_t bar) const;
  std::string module_line(std::size_t module) const;
  bool is_cascade() const;
  std::string acceptance(const BatchProgress& at) const;
  std::string queue_cells(const BatchProgress& at) const;
  std::string live_cells(std::size_t module) const;
  std::string chains_line() const;
  void draw();
  void print_plain(bool now);

  const TrainJob& job_;
  Log& log_;
  bool fancy_, quiet_;
  std::chrono::steady_clock::time_point start_, last_shown_;
  std::int64_t batches_per_epoch_, first_tick_, ticks_, all_ticks_;
  BatchPlace from_;
  std::vector<std::optional<BatchProgress>> modules_;
  std::vector<double> train_accuracy_, test_accuracy_;
  LiveDiagnostics live_;
  std::vector<std::atomic<std::int64_t>> chain_batches_;  // the first module has done, of chains 2 and up
  std::size_t drawn_lines_ = 0;
};

// "45 s", "10 min", "3 h"
std::string duration_in_short(double seconds);

}  // namespace cleave
