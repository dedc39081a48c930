// cleave check: every mistake of the models named, as text, JSON or SARIF.
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/command.h"
#include "engine/cli/table.h"
#include "engine/mcmc/likelihoods.h"
#include "engine/train/module_memory.h"
#include "graphs/graph_text.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

struct Checked {
  std::string file;
  std::vector<Diagnostic> found;
  std::string summary;               // of a valid model
  std::vector<ModuleMemory> memory;  // where it was asked for
};

std::string summary_of(const Model& model) {
  if (model.graph.nodes.empty()) return fmt::format("a swarm of {} devices", model.reading.spec.devices.size());
  const std::size_t modules = model.graph.modules.size();
  return fmt::format("{} nodes, {} module{}, {} weights", model.graph.nodes.size(), modules, modules == 1 ? "" : "s",
                     weight_count(model.graph));
}

// Of the modules that can be trained.
std::vector<ModuleMemory> memory_of(const Model& model) {
  std::vector<ModuleMemory> memory;
  const TrainSpec& training = model.reading.spec.training;
  for (std::size_t m = 0; m < model.graph.modules.size(); ++m)
    if (model.graph.modules[m].head != NodeId::none && find(likelihood_catalog(), model.graph.loss.name) != nullptr)
      memory.push_back(module_memory(model.graph, static_cast<ModuleId>(m), training.batch, training.keep_draws));
  return memory;
}

Checked check_file(const std::string& file, bool memory, const CommonOptions& common) {
  try {
    const Model model = load_model(file, common);
    return {file, {}, summary_of(model), memory ? memory_of(model) : std::vector<ModuleMemory>{}};
  } catch (const ModelError& error) {
    return {file, error.diagnostics(), "", {}};
  }
}

Table memory_table(const std::vector<ModuleMemory>& modules) {
  Table table{{"module", "weights", "activations", "in training", "at most"}, {}};
  for (const ModuleMemory& m : modules)
    table.rows.push_back({m.name, bytes_in_short(m.weights_bytes), bytes_in_short(m.activation_bytes),
                          bytes_in_short(m.training_bytes), bytes_in_short(m.bound_bytes())});
  return table;
}

Json memory_json(const std::vector<ModuleMemory>& modules) {
  Json list = Json::array();
  for (const ModuleMemory& m : modules)
    list.push_back({{"module", m.name},
                    {"weights_bytes", m.weights_bytes},
                    {"activation_bytes", m.activation_bytes},
                    {"training_bytes", m.training_bytes},
                    {"bound_bytes", m.bound_bytes()}});
  return list;
}

Json json_of(const Diagnostic& d) {
  Json notes = Json::array();
  for (const Note& note : d.notes)
    notes.push_back({{"file", note.pos.file}, {"line", note.pos.line}, {"column", note.pos.col}, {"text", note.text}});
  return {{"file", d.pos.file},   {"line", d.pos.line}, {"column", d.pos.col},        {"length", d.pos.length},
          {"message", d.message}, {"hint", d.hint},     {"suggestion", d.suggestion}, {"notes", notes}};
}

std::string as_json(const std::vector<Checked>& all) {
  Json list = Json::array();
  for (const Checked& checked : all) {
    Json errors = Json::array();
    for (const Diagnostic& d : checked.found) errors.push_back(json_of(d));
    list.push_back({{"file", checked.file}, {"valid", checked.found.empty()}, {"errors", errors}});
    if (!checked.memory.empty()) list.back()["memory"] = memory_json(checked.memory);
  }
  return list.dump(2) + "\n";
}

Json sarif_result(const Diagnostic& d) {
  const Json region = {{"startLine", std::max(1, d.pos.line)},
                       {"startColumn", std::max(1, d.pos.col)},
                       {"endColumn", std::max(1, d.pos.col) + d.pos.length}};
  const Json place = {{"artifactLocation", {{"uri", d.pos.file}}}, {"region", region}};
  const std::string text = d.hint.empty() ? d.message : fmt::format("{} ({})", d.message, d.hint);
  return {{"ruleId", "model"},
          {"level", "error"},
          {"message", {{"text", text}}},
          {"locations", Json::array({{{"physicalLocation", place}}})}};
}

// SARIF 2.1.0, what code hosts read.
std::string as_sarif(const std::vector<Checked>& all) {
  Json results = Json::array();
  for (const Checked& checked : all)
    for (const Diagnostic& d : checked.found) results.push_back(sarif_result(d));
  const Json driver = {
      {"name", "cleave"}, {"version", CLEAVE_VERSION}, {"rules", Json::array({{{"id", "model"}, {"name", "Model"}}})}};
  const Json run = {{"tool", {{"driver", driver}}}, {"results", results}};
  const Json log = {
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"}, {"version", "2.1.0"}, {"runs", Json::array({run})}};
  return log.dump(2) + "\n";
}

void print_text(const std::vector<Checked>& all, bool quiet) {
  for (const Checked& checked : all) {
    if (!checked.found.empty()) std::fputs(fmt::format("{}\n", ModelError(checked.found).what()).c_str(), stderr);
    else if (!quiet) print_result(fmt::format("{}: valid: {}\n", checked.file, checked.summary));
    if (checked.memory.empty()) continue;
    print_result(
        "\n" + to_text(memory_table(checked.memory), "text") +
        "\nactivations: what a module reads and computes for one batch; in training: weights, activations, a\n"
        "proposal's new values beside them, what is sent on, recorded steps and kept draws; at most: weights,\n"
        "three times the activations, recorded steps and kept draws\n");
  }
}

}  // namespace

std::function<ExitCode()> declare_check(CLI::App& app, const CommonOptions& common) {
  const auto files = std::make_shared<std::vector<std::string>>();
  const auto memory = std::make_shared<bool>(false);
  app.add_option("MODEL", *files, "model or swarm files")->required()->type_name("FILE …");
  app.add_flag("--memory", *memory, "what training each module will take in memory");
  return [files, memory, &common] {
    std::vector<Checked> all;
    for (const std::string& file : *files) all.push_back(check_file(file, *memory, common));
    if (common.format == "json") print_result(as_json(all));
    else if (common.format == "sarif") print_result(as_sarif(all));
    else print_text(all, common.quiet);
    const bool valid = std::all_of(all.begin(), all.end(), [](const Checked& c) { return c.found.empty(); });
    return valid ? ExitCode::done : ExitCode::invalid_model;
  };
}

}  // namespace cleave
