// What changes the weights of a run, and which of its settings have no part in it.
#include <fmt/format.h>

#include "engine/cli/train_job.h"

namespace cleave {

namespace {

// Whether the file, not a default or a preset, says something at this path.
bool is_stated(const TrainJob& job, const char* path) {
  const DocNode* node = find_path(job.model.reading.doc, path);
  return node != nullptr && node->origin != "default" && !node->origin.starts_with("preset ");
}

bool has_laws(const Graph& graph) {
  for (const Node& node : graph.nodes)
    if (!node.rule.prior.name.empty() || !node.rule.proposal.name.empty() || !node.rule.select.name.empty())
      return true;
  return false;
}

// What a chain uses and gradient steps do not.
std::string idle_with_sgd(const TrainJob& job) {
  std::string idle;
  const auto add = [&](const char* name) { idle += (idle.empty() ? "" : ", ") + std::string(name); };
  for (const char* path : {"training.lambda", "training.pick", "training.temperature", "training.warm_up",
                           "training.chains", "training.keep"})
    if (is_stated(job, path)) add(path);
  if (has_laws(job.graph())) add("prior, proposal and select");
  if (idle.empty()) return "";
  return fmt::format("training.algorithm is sgd, plain gradient steps on the loss alone; not used: {}", idle);
}

std::string idle_in_lockstep(const TrainJob& job) {
  if (job.options.mode == TrainMode::async || !job.spec().training.states_pace) return "";
  return "in lockstep every module does all its steps on every batch: training.buffer and stop_early are not used; "
         "write training: {mode: async} to have them obeyed";
}

}  // namespace

std::string algorithm_line(const TrainJob& job) {
  if (job.options.algorithm != "sgd") return lambda_line(job);
  const SgdOptions& sgd = job.options.sgd;
  return fmt::format("sgd: learning rate {:g}, momentum {:g}, {} images a step; no gradient between modules, no prior",
                     sgd.learning_rate, sgd.momentum, sgd.batch);
}

std::string idle_settings(const TrainJob& job) {
  std::string idle = idle_in_lockstep(job);
  if (job.options.algorithm == "sgd") {
    if (const std::string more = idle_with_sgd(job); !more.empty()) idle += (idle.empty() ? "" : "; ") + more;
  } else if (is_stated(job, "training.sgd")) {
    idle += (idle.empty() ? "" : "; ") + std::string("training.sgd is not used: write training: {algorithm: sgd}");
  }
  return idle;
}

}  // namespace cleave
