// What `run` and `eval` share: when a sample may leave early, and where all is run.
#pragma once

#include <optional>
#include <string>

#include "engine/cli/command.h"
#include "engine/cli/log.h"
#include "engine/cli/swarm_options.h"
#include "engine/runtime/evaluate.h"
#include "graphs/build.h"

namespace cleave {

// Returns the early exit of a command line: "" = the model's, "off" = none, "max_probability=0.9", "entropy=0.5",
// "max_probability=0.9,m1=0.95,m2=never". Throws UserError with what would be right; also for a rule on a network with
// one head only.
std::optional<ExitRule> early_exit_for(const Model& model, const std::string& option);

// Returns the same back as text: "max_probability=0.9,m1=0.95", "off".
std::string rule_text(const std::optional<ExitRule>& rule);

// Returns what --exit says of itself.
const char* early_exit_help();

// Runs the network as built on all samples of `source`: in this process after the passes, or on the workers of `job`,
// where one is given. `options.flow` says batch and frames in flight of this process; a swarm's are the job's own.
EvaluateReport answer_all(const Model& model, Weights weights, SwarmJob* job, const LabelledSource& source,
                          EvaluateOptions options, const std::function<void(const Prediction&)>& on_prediction = {});

// Refuses swarm files and what this version cannot run.
void refuse_unrunnable(const Model& model, const std::string& command);

}  // namespace cleave
