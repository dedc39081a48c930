// The trace of a module: one CSV line per recorded step, appended as training goes on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "engine/mcmc/chain.h"

namespace cleave {

// Not thread safe: one per module.
class TraceWriter {
 public:
  // Opens `path` for appending; a new file begins with `# key: value` lines of the configuration and the columns'
  // names. Throws RunError when the file cannot be written.
  TraceWriter(const std::filesystem::path& path, const std::vector<std::pair<std::string, std::string>>& configuration);
  // Appends one line. Throws RunError when the disk does not take it.
  void write(const TraceRow& row);
  // Puts everything written so far on the disk's side. Throws RunError when the disk does not take it.
  void finish();

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

// Cuts off all rows from step `steps` on, and an unfinished last line: what was written behind a checkpoint. A file
// that is not there stays so. Throws RunError.
void cut_trace(const std::filesystem::path& path, std::int64_t steps);

}  // namespace cleave
