// What `cleave diag` prints and writes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/train/diagnose.h"

namespace cleave {

struct RunDiagnosis {
  std::string run, status;
  std::vector<std::string> chains;  // their folders
  std::vector<ModuleDiagnosis> modules;

  // Whether something is wrong, beside hints.
  bool has_fault() const;
};

// In a --format. Text and Markdown end with what is wrong and what to do; CSV is one table of scalars and blocks.
std::string to_text(const RunDiagnosis& diagnosis, const std::string& format);

// Writes DIR/MODULE_N.csv for chain N of each module in CmdStan's layout, warm-up marked as such, so that
// az.from_cmdstan reads DIR/MODULE_*.csv. `traces` by module and chain, `warm_up` steps by module. Throws RunError.
void export_draws(const std::filesystem::path& dir, const std::vector<ModuleDiagnosis>& modules,
                  const std::vector<std::vector<Trace>>& traces, const std::string& model);

// Writes loss and log prior of each module along its steps, a curve a chain, into `dir` as SVG, and returns the files.
// Throws RunError.
std::vector<std::string> write_trace_plots(const std::filesystem::path& dir,
                                           const std::vector<ModuleDiagnosis>& modules,
                                           const std::vector<std::vector<Trace>>& traces);

}  // namespace cleave
