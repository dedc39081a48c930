#include "engine/cli/planning.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "engine/cli/samples.h"
#include "engine/cli/stop.h"
#include "ops/core/catalog.h"
#include "partitioner/plan_file.h"

namespace cleave {

namespace {

constexpr const char* kPreset = "raspberry-pi-4b-4gb";  // of --devices where the model has none of its own

template <class Def>
const Def& known(std::span<const Def> catalog, const std::string& name, const char* what) {
  if (const Def* def = find(catalog, name)) return *def;
  const std::string near = closest_name(name, names_of(catalog));
  throw UserError(near.empty()
                      ? fmt::format("unknown {} '{}'; one of: {}", what, name, fmt::join(names_of(catalog), ", "))
                      : fmt::format("unknown {} '{}'; did you mean '{}'?", what, name, near));
}

// Lifetime is counted in frames per joule of equal batteries where none is stated.
bool even_batteries(Swarm& swarm) {
  const bool mains = std::none_of(swarm.devices.begin(), swarm.devices.end(),
                                  [](const Device& device) { return device.battery_j < kInfinity; });
  for (Device& device : swarm.devices)
    if (mains) device.battery_j = 1;
  return mains;
}

bool is_manual(const PlanningJob& job) {
  const DocNode* mode = find_path(job.model.reading.doc, "placement.mode");
  return job.obeys_map && mode != nullptr && mode->scalar == "manual";
}

// The placement the model states is the plan, whatever would be better; the table says by how much.
void add_stated_plan(const PlanningJob& job, PlanTable& table) {
  Plan stated = manual_plan(job.model, job.setting());
  if (!stated.is_feasible()) {
    table.reason = fmt::format("the placement it states: {}", stated.misfit);
    table.chosen = -1;
    return;
  }
  stated.bound = table.chosen >= 0 ? table.plan().bound : no_bound(*job.request.objective);
  stated.optimal =
      table.chosen >= 0 && table.plan().optimal && !is_better(*job.request.objective, table.plan().value, stated.value);
  table.rows.push_back(std::move(stated));
  ++table.candidates;
  ++table.feasible;
  table.chosen = static_cast<int>(table.rows.size()) - 1;
}

}  // namespace

Swarm swarm_for(const PlanningOptions& options, const Model& model) {
  Diagnostics found(model.reading.sources);
  Swarm swarm = read_swarm(model.reading.doc, found);
  found.throw_if_any();
  if (options.devices == 0) {
    if (swarm.devices.empty())
      throw UserError(fmt::format("{} has no devices to plan for; add `devices:`, or try --devices 2 --preset {}",
                                  options.file, kPreset));
    if (!options.preset.empty()) throw UserError("--preset needs --devices N");
    return swarm;
  }
  std::string preset = options.preset;
  if (preset.empty()) {
    const bool alike = !swarm.devices.empty() &&
                       std::all_of(swarm.devices.begin(), swarm.devices.end(),
                                   [&](const Device& device) { return device.preset == swarm.devices.front().preset; });
    preset = alike && !swarm.devices.front().preset.empty() ? swarm.devices.front().preset : kPreset;
  }
  return swarm_of(options.devices, preset, model.reading.doc);
}

void add_device_options(CLI::App& app, PlanningOptions& options) {
  app.add_option("--devices", options.devices, "plan for N copies of a preset instead of the model's devices")
      ->check(CLI::Range(1, kMaxDevices))
      ->type_name("N");
  app.add_option("--preset", options.preset,
                 fmt::format("what --devices copies: the model's own where it has one, else {}", kPreset))
      ->type_name("NAME");
}

void add_planning_options(CLI::App& app, PlanningOptions& options) {
  add_device_options(app, options);
  app.add_option("--objective", options.objective,
                 "throughput, latency, energy, lifetime or balance instead of the model's")
      ->type_name("NAME");
  app.add_option("--cost-model", options.cost_model, "overlapped (if not given), summed or gacoin")->type_name("NAME");
  app.add_option("--profile", options.profiles, "measured times, from `cleave profile`; may be given several times")
      ->allow_extra_args(false)
      ->type_name("FILE");
  app.add_option("--time-limit", options.time_limit_s, "seconds to search; then the best plan found, with its gap")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str()
      ->type_name("S");
}

std::unique_ptr<PlanningJob> prepare_planning(const PlanningOptions& options, const CommonOptions& common) {
  if (!std::isfinite(options.time_limit_s)) throw UserError("--time-limit needs a number of seconds");
  auto job = std::make_unique<PlanningJob>();
  job->model = load_model(options.file, common);
  if (!job->model.reading.spec.has_network)
    throw UserError(fmt::format("{} has no network: there is nothing to place", options.file));
  job->obeys_map = options.devices == 0 && options.objective.empty();
  job->swarm = swarm_for(options, job->model);
  job->request = read_request(job->model, options.devices > 0 ? Swarm{} : job->swarm);
  if (!options.objective.empty()) job->request.objective = &known(objective_catalog(), options.objective, "objective");
  if (!options.cost_model.empty()) job->request.model = &known(cost_model_catalog(), options.cost_model, "cost model");
  if (std::string_view(job->request.objective->name) == "lifetime") job->request.one_joule = even_batteries(job->swarm);
  job->request.time_limit_s = options.time_limit_s;
  job->request.stop = &watch_signals();
  std::vector<std::string> files = options.profiles;
  if (const DocNode* from = find_path(job->model.reading.doc, "placement.costs.from"))
    files.push_back(beside_model(job->model.reading.spec, from->scalar));
  for (const std::string& file : files)
    for (Profile& profile : read_profiles(file)) job->profiles.push_back(std::move(profile));
  job->costs = cost_table(job->model.graph, job->swarm, job->profiles, job->request.batch);
  return job;
}

PlanTable planned(const PlanningJob& job) {
  PlanTable table = partition(job.model.graph, job.swarm, job.costs, job.request);
  if (is_manual(job)) add_stated_plan(job, table);
  else if (table.chosen >= 0) name_nodes(job.setting(), table.rows[static_cast<std::size_t>(table.chosen)]);
  return table;
}

void refuse_no_plan(const PlanTable& table, const std::string& file) {
  if (table.chosen < 0)
    throw UserError(fmt::format("{}: no placement fits\n{}", file, table.reason), ExitCode::no_placement);
}

}  // namespace cleave
