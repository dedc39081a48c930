// The draws of a run as files: DRAWS/001.safetensors holds the newest draw of every module together, 002 the one
// before, and so on. Modules are chains of their own, so any draw of one goes with any draw of another; in lockstep the
// k-th newest of all were taken behind the same number of steps.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/train/module_trainer.h"

namespace cleave {

// Writes as many files as the module with the fewest draws has, each whole or not at all, and removes those of higher
// numbers. Each says in its metadata behind which step of each module its draw was taken. Does nothing where no draws
// are kept. `modules` are those of a checkpoint. Throws RunError when the disk does not take them.
void write_draws(const std::filesystem::path& folder, const Graph& graph, const std::vector<ModuleCheckpoint>& modules,
                 const std::string& model);

// Returns the files of draws in a run folder and in the folders of its chains (RUN/chains/N), or those that lie in a
// folder of draws; in the order of their names, chain by chain. Throws UserError where there are none.
std::vector<std::string> find_draws(const std::string& run_or_folder);

}  // namespace cleave
