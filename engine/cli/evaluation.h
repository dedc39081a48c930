// What `run` and `eval` share: which weights answer, and when a sample may leave early.
#pragma once

#include <optional>
#include <string>

#include "engine/cli/command.h"
#include "engine/cli/log.h"
#include "engine/runtime/evaluate.h"
#include "graphs/build.h"

namespace cleave {

// Returns the weights in `option`, else those the model names, else random ones with a note that says so.
Weights weights_for(const Model& model, const std::string& option, Log& log);

// Returns the early exit of a command line: "" = the model's, "off" = none, "max_probability=0.9", "entropy=0.5".
// Throws UserError with what would be right; also for a rule on a network with one head only.
std::optional<EarlyExitSpec> early_exit_for(const Model& model, const std::string& option);

// Returns what --exit says of itself.
const char* early_exit_help();

// Refuses swarm files and what this version cannot run.
void refuse_unrunnable(const Model& model, const std::string& command);

}  // namespace cleave
