// cleave devices: the presets, a swarm's devices, and which step of a connection to them fails.
#include "engine/cli/devices.h"

#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "ops/core/catalog.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

// An action is a row; those with a model get its swarm.
struct ActionDef {
  const char* name;
  const char* doc;
  ExitCode (*run)(const DevicesJob& job, const CommonOptions& common);
};

ExitCode presets_action(const DevicesJob& /*job*/, const CommonOptions& common) {
  print_presets(common);
  return ExitCode::done;
}

ExitCode list_action(const DevicesJob& job, const CommonOptions& common) {
  list_devices(job.swarm, common);
  return ExitCode::done;
}

constexpr ActionDef kActions[] = {
    {"presets", "the machines a swarm file may name, and their figures", presets_action},
    {"list", "the devices of a model, where they are and what joins them; asks nobody", list_action},
    {"ping", "asks every worker for a sign of life", ping_devices},
    {"doctor", "walks to every worker step by step and says which step fails and what to do", examine_devices},
};

const ActionDef& action_of(const std::string& name) {
  const std::span<const ActionDef> catalog = kActions;
  if (const ActionDef* def = find(catalog, name)) return *def;
  const std::vector<std::string> known = names_of(catalog);
  const std::string near = closest_name(name, known);
  throw UserError(fmt::format(
      "cleave devices {}: {}", printable(name),
      near.empty() ? fmt::format("one of: {}", fmt::join(known, ", ")) : fmt::format("did you mean '{}'?", near)));
}

ExitCode devices_command(const std::string& action, DevicesJob& job, const CommonOptions& common) {
  const ActionDef& def = action_of(action);
  const bool needs_model = def.run != presets_action;
  if (!needs_model && !job.file.empty()) throw UserError("cleave devices presets takes no model");
  if (needs_model && job.file.empty()) throw UserError(fmt::format("name a file: cleave devices {} MODEL", action));
  if (needs_model) {
    job.model = load_model(job.file, common);
    Diagnostics found(job.model.reading.sources);
    job.swarm = read_swarm(job.model.reading.doc, found);
    found.throw_if_any();
    if (job.swarm.devices.empty()) throw UserError(fmt::format("{} has no devices; add `devices:`", job.file));
  }
  return def.run(job, common);
}

}  // namespace

std::function<ExitCode()> declare_devices(CLI::App& app, const CommonOptions& common) {
  struct Options {
    std::string action;
    DevicesJob job;
  };
  const auto options = std::make_shared<Options>();
  std::string actions;
  for (const ActionDef& def : kActions)
    actions += fmt::format("{}{}: {}", actions.empty() ? "" : "; ", def.name, def.doc);
  app.add_option("ACTION", options->action, actions)
      ->required()
      ->type_name(fmt::format("{}", fmt::join(names_of(std::span<const ActionDef>(kActions)), "|")));
  app.add_option("MODEL", options->job.file, "model or swarm file")->type_name("FILE");
  app.add_option("--keys", options->job.keys, "folder of our keys (ping, doctor)")->type_name("DIR");
  app.add_option("--name", options->job.name, "whose keys in that folder are ours")
      ->capture_default_str()
      ->type_name("NAME");
  app.add_option("--timeout", options->job.timeout_s, "seconds to wait for a device")
      ->check(CLI::Range(0.05, 60.0))
      ->capture_default_str()
      ->type_name("S");
  return [options, &common] { return devices_command(options->action, options->job, common); };
}

}  // namespace cleave
