// cleave check: every mistake of the models named, as text, JSON or SARIF.
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/check_memory.h"
#include "engine/cli/command.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

struct Checked {
  std::string file;
  std::vector<Diagnostic> found;
  std::string summary;                // of a valid model
  std::optional<ModelMemory> memory;  // where it was asked for
};

std::string summary_of(const Model& model) {
  if (model.graph.nodes.empty()) return fmt::format("a swarm of {} devices", model.reading.spec.devices.size());
  const std::size_t modules = model.graph.modules.size();
  return fmt::format("{} nodes, {} module{}, {} weights", model.graph.nodes.size(), modules, modules == 1 ? "" : "s",
                     weight_count(model.graph));
}

// Throws ModelError where the network does not keep to the file's limits.
void check_limits(const Model& model) {
  const DocNode* limits = find_path(model.reading.doc, "limits");
  if (limits == nullptr || model.graph.nodes.empty()) return;
  const LimitsSpec& spec = model.reading.spec.limits;
  const std::string why = why_too_large(run_memory(model.graph, spec), spec);
  Diagnostics found(model.reading.sources);
  if (!why.empty()) found.add(limits->pos, why);
  found.throw_if_any();
}

Checked check_file(const std::string& file, bool memory, const CommonOptions& common) {
  try {
    const Model model = load_model(file, common);
    check_limits(model);
    return {file, {}, summary_of(model), memory ? memory_of(model) : std::nullopt};
  } catch (const ModelError& error) {
    return {file, error.diagnostics(), "", std::nullopt};
  }
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
    if (checked.memory) list.back().update(memory_json(*checked.memory));
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
    if (checked.memory) print_result("\n" + memory_text(*checked.memory));
  }
}

}  // namespace

std::function<ExitCode()> declare_check(CLI::App& app, const CommonOptions& common) {
  const auto files = std::make_shared<std::vector<std::string>>();
  const auto memory = std::make_shared<bool>(false);
  app.add_option("MODEL", *files, "model or swarm files")->required()->type_name("FILE …");
  app.add_flag("--memory", *memory, "what running the network, and training each module, will take in memory");
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
