// A training plan as rows of text, for people.
#include <fmt/format.h>

#include "graphs/graph_text.h"
#include "partitioner/plan_text.h"
#include "partitioner/training_plan.h"

namespace cleave {

namespace {

std::string milliseconds(const Figure& seconds) { return marked(seconds, short_number(1e3 * seconds.value)); }

const std::string& device_name(const Swarm& swarm, const ModulePlan& module) {
  return swarm.devices[static_cast<std::size_t>(module.device)].name;
}

std::string in_time(const Figure& seconds) {
  const double s = seconds.value;
  if (s < 1) return marked(seconds, short_number(1e3 * s) + " ms");
  if (s < 600) return marked(seconds, short_number(s) + " s");
  return marked(seconds, short_number(s / 60) + " min");
}

std::string who_sets_the_pace(const Graph& graph, const Swarm& swarm, const TrainingPlan& plan) {
  const ModulePlan& slowest = plan.modules[static_cast<std::size_t>(plan.slowest)];
  const std::string& name = graph.module(slowest.module).name;
  if (!plan.slowest_is_link) return fmt::format("{} on {}", name, device_name(swarm, slowest));
  const int from = plan.slowest == 0 ? swarm.source : plan.modules[static_cast<std::size_t>(plan.slowest - 1)].device;
  return fmt::format("the link {}-{} to {}", swarm.devices[static_cast<std::size_t>(from)].name,
                     device_name(swarm, slowest), name);
}

}  // namespace

std::vector<std::vector<std::string>> training_rows(const Graph& graph, const Swarm& swarm, const TrainingPlan& plan) {
  std::vector<std::vector<std::string>> rows = {
      {"module", "card", "forward", "step", "forward", "step", "N", "steps", "busy", "sends", "link", "joules"},
      {"", "", "mult-adds", "mult-adds", "ms", "ms", "most", "a batch", "%", "a batch", "ms", "an epoch"}};
  for (const ModulePlan& module : plan.modules) {
    const bool sends = module.sent_bytes > 0;
    const bool guessed = module.pace_s.estimate;
    const Device& device = swarm.devices[static_cast<std::size_t>(module.device)];
    const bool power_guessed = device.idle_w.estimate || device.compute_w.estimate;
    rows.push_back({graph.module(module.module).name, device.name, in_short(module.forward_products),
                    in_short(module.step_products), milliseconds(module.forward_s), milliseconds(module.step_s),
                    fmt::format("{}", module.max_steps), marked({0, guessed}, short_number(module.steps)),
                    marked({0, guessed}, fmt::format("{:.0f}", 100 * module.busy_share)),
                    sends ? binary_bytes(module.sent_bytes) : "-", sends ? milliseconds(module.link_s) : "-",
                    marked({0, guessed || power_guessed}, short_number(module.joules))});
  }
  return rows;
}

std::string training_summary(const Graph& graph, const Swarm& swarm, const TrainingPlan& plan) {
  const ModulePlan& slowest = plan.modules[static_cast<std::size_t>(plan.slowest)];
  std::string text = fmt::format("{} sets the pace: a batch of {} every {}; an epoch of {} batch{} takes {} and {} J",
                                 who_sets_the_pace(graph, swarm, plan), plan.batch, in_time(slowest.pace_s),
                                 plan.batches, plan.batches == 1 ? "" : "es", in_time(plan.epoch_s),
                                 marked(plan.epoch_s, short_number(plan.joules)));
  for (const ModulePlan& module : plan.modules)
    if (module.batches < 0.99 * static_cast<double>(plan.batches))
      text += fmt::format("; {} gets only {} of the batches", graph.module(module.module).name,
                          marked(module.pace_s, short_number(module.batches)));
  return text;
}

}  // namespace cleave
