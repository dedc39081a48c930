// Reads traces back, also of a run that goes on or was killed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/train/trace.h"

namespace cleave {

// A step as it was recorded.
struct RecordedStep {
  std::int64_t step = 0, batch = 0;
  std::int32_t layer = 0;  // of Trace::layers
  bool accepted = false;
  double loss = 0, log_prior = 0, log_ratio = 0;
  double jump = 0;    // NaN in traces of version 1
  double lambda = 0;  // the configuration's in traces of version 1

  // -log posterior of the module on the batch, but for a constant.
  double energy() const { return lambda * loss - log_prior; }
};

struct TracedLayer {
  std::string name;
  Part part = Part::body;
};

struct Trace {
  TraceConfiguration configuration;
  std::vector<TracedLayer> layers;  // in order of appearance
  std::vector<RecordedStep> steps;  // ascending
  std::int64_t every = 1;           // steps between two rows
};

// Reads a trace file; an unfinished last line is left out. Throws UserError when a newer program wrote it, RunError
// with file and line when it cannot be read or is damaged.
Trace read_trace(const std::filesystem::path& path);

// Returns the sum of a column of a batches file over its finished lines; 0 where there is no such file or column.
double sum_of_column(const std::filesystem::path& path, const std::string& column);

}  // namespace cleave
