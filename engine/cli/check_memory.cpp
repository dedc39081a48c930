#include "engine/cli/check_memory.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/cli/table.h"
#include "engine/mcmc/likelihoods.h"
#include "graphs/graph_text.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

double weight_limit(const LimitsSpec& limits) {
  return limits.weight_bytes > 0 ? limits.weight_bytes : limits.memory_bytes;
}

// "fits 256.0 KiB", "-" where nothing is said.
std::string verdict(std::int64_t bytes, double limit) {
  if (limit <= 0) return "-";
  const bool fits = static_cast<double>(bytes) <= limit;
  return fmt::format("{} {}", fits ? "fits" : "exceeds", bytes_in_short(static_cast<std::int64_t>(limit)));
}

Table run_table(const ModelMemory& memory) {
  const RunMemory& run = memory.run;
  Table table{{"running", "bytes", "limit"}, {}};
  const auto add = [&](const std::string& what, std::int64_t bytes, const std::string& limit) {
    table.rows.push_back({what, bytes_in_short(bytes), limit});
  };
  add("weights", run.weight_bytes, verdict(run.weight_bytes, weight_limit(memory.limits)));
  add("activations, a buffer each", run.apart_bytes, "-");
  add(fmt::format("activations, shared (most at {})", run.fullest), run.shared_bytes,
      verdict(run.shared_bytes, memory.limits.memory_bytes));
  if (run.patches)
    add(fmt::format("activations, {} patches up to {}, {:.1f} % more operations", run.patches->count, memory.patched_to,
                    100 * run.patches->extra_compute),
        run.patched_bytes, verdict(run.patched_bytes, memory.limits.memory_bytes));
  return table;
}

Table training_table(const std::vector<ModuleMemory>& modules) {
  Table table{{"module", "weights", "activations", "in training", "at most"}, {}};
  for (const ModuleMemory& m : modules)
    table.rows.push_back({m.name, bytes_in_short(m.weights_bytes), bytes_in_short(m.activation_bytes),
                          bytes_in_short(m.training_bytes), bytes_in_short(m.bound_bytes())});
  return table;
}

}  // namespace

std::optional<ModelMemory> memory_of(const Model& model) {
  const Graph& graph = model.graph;
  if (graph.nodes.empty()) return std::nullopt;
  ModelMemory memory{run_memory(graph, model.reading.spec.limits), model.reading.spec.limits, "", {}};
  if (memory.run.patches) memory.patched_to = graph.node(memory.run.patches->to).name;
  const TrainSpec& training = model.reading.spec.training;
  for (std::size_t m = 0; m < graph.modules.size(); ++m)
    if (graph.modules[m].head != NodeId::none && find(likelihood_catalog(), graph.loss.name) != nullptr)
      memory.modules.push_back(module_memory(graph, static_cast<ModuleId>(m), training.batch, training.keep_draws));
  return memory;
}

std::string memory_text(const ModelMemory& memory) {
  std::string text = to_text(run_table(memory), "text") +
                     "\nweights as they are stored; activations of one sample in one process, its input and answers "
                     "included\n";
  if (memory.modules.empty()) return text;
  return text + "\n" + to_text(training_table(memory.modules), "text") +
         "\nactivations: what a module reads and computes for one batch; in training: weights, activations, a\n"
         "proposal's new values beside them, what is sent on, recorded steps and kept draws; at most: weights,\n"
         "three times the activations, recorded steps and kept draws\n";
}

Json memory_json(const ModelMemory& memory) {
  const RunMemory& run = memory.run;
  Json json;
  json["run_memory"] = {{"weight_bytes", run.weight_bytes},
                        {"activation_bytes_apart", run.apart_bytes},
                        {"activation_bytes", run.shared_bytes},
                        {"fullest", run.fullest},
                        {"patches", nullptr},
                        {"fits", why_too_large(run, memory.limits).empty()}};
  if (run.patches)
    json["run_memory"]["patches"] = {{"count", run.patches->count},
                                     {"to", memory.patched_to},
                                     {"extra_compute", run.patches->extra_compute},
                                     {"activation_bytes", run.patched_bytes}};
  json["memory"] = Json::array();
  for (const ModuleMemory& m : memory.modules)
    json["memory"].push_back({{"module", m.name},
                              {"weights_bytes", m.weights_bytes},
                              {"activation_bytes", m.activation_bytes},
                              {"training_bytes", m.training_bytes},
                              {"bound_bytes", m.bound_bytes()}});
  return json;
}

}  // namespace cleave
