// The trace of a module: CSV files that grow as training goes on, one line a recorded step and one a batch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "engine/mcmc/chain.h"
#include "engine/train/train.h"

namespace cleave {

inline constexpr int kTraceVersion = 2;  // 1 had neither jump nor lambda

using TraceConfiguration = std::vector<std::pair<std::string, std::string>>;

// A file of lines that is appended to. Not thread safe.
class TraceFile {
 public:
  // Opens `path` for appending; a new file begins with `# trace version: N`, `# key: value` lines of the configuration
  // and the columns' names. Throws RunError when the file cannot be written.
  TraceFile(const std::filesystem::path& path, const TraceConfiguration& configuration, const std::string& columns);
  // Appends one line. Throws RunError when the disk does not take it.
  void write(const std::string& line);
  // Puts everything written so far on the disk's side. Throws RunError when the disk does not take it.
  void finish();

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

// Not thread safe: one per module.
class TraceWriter {
 public:
  TraceWriter(const std::filesystem::path& path, const TraceConfiguration& configuration);
  void write(const TraceRow& row);
  void finish() { file_.finish(); }

 private:
  TraceFile file_;
};

// One line a batch, see kBatchColumns. Not thread safe: one per module.
class BatchWriter {
 public:
  // `batches_per_epoch` gives a batch its number over all epochs, which other counts may not be.
  BatchWriter(const std::filesystem::path& path, const TraceConfiguration& configuration,
              std::int64_t batches_per_epoch);
  void write(const BatchProgress& batch);
  void finish() { file_.finish(); }

 private:
  TraceFile file_;
  std::int64_t batches_per_epoch_;
  BufferCounts before_;  // counts add up over the run
};

// queue: batches that wait when this one is done; wait_s: seconds waited for it; stale: batches newer than it that came
// meanwhile, waiting or dropped; reused: whether it was learnt before (replay).
inline constexpr const char* kBatchColumns =
    "number,epoch,batch,images,steps,accepted_body,accepted_head,loss,log_prior,not_finite,queue,wait_s,stale,dropped,"
    "reused";

// Cuts off all rows whose first column is `first` or more, and an unfinished last line: what was written behind a
// checkpoint. A file that is not there stays so. Throws RunError.
void cut_trace(const std::filesystem::path& path, std::int64_t first);

}  // namespace cleave
