#include "engine/cli/swarm_options.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/stop.h"
#include "engine/net/keys.h"
#include "engine/runtime/worker.h"
#include "graphs/doc_text.h"
#include "partitioner/plan_file.h"
#include "partitioner/table.h"

namespace cleave {

namespace {

// The plan in the file, the row of the table, what the model states, or the best; its nodes are named.
Plan plan_of(const PlanningJob& job, const SwarmOptions& options) {
  if (!options.plan_file.empty()) {
    if (!options.row.empty()) throw UserError("--cut picks a row of the table; --plan states a plan: give one of them");
    return read_plan(options.plan_file, job.setting());
  }
  const PlanTable table = planned(job);
  if (options.row.empty()) {
    refuse_no_plan(table, options.planning.file);
    return table.plan();
  }
  Plan plan = find_row(table, options.row);
  if (!plan.is_feasible())
    throw UserError(fmt::format("--cut {}: {}", options.row, plan.misfit), ExitCode::no_placement);
  name_nodes(job.setting(), plan);
  return plan;
}

std::map<std::string, Address> addresses_of(const Swarm& swarm) {
  std::map<std::string, Address> addresses;
  for (const Device& device : swarm.devices) addresses[device.name] = {"tcp", device.host, device.port};
  return addresses;
}

}  // namespace

void add_swarm_options(CLI::App& app, SwarmOptions& options) {
  app.add_flag("--local", options.local, "start every device as a process on this machine");
  app.add_flag("--emulate", options.emulate,
               "with --local: slow each device and link down to the speed its swarm file states");
  app.add_flag("--here", options.here, "in this process, whatever devices the model states");
  app.add_option("--plan", options.plan_file, "a plan, from `cleave plan -o DIR`, instead of the best one")
      ->type_name("FILE");
  app.add_option("--cut", options.row, "a row of the table that `cleave plan` prints: CUT or CUT:WAYS")
      ->type_name("ROW");
  app.add_option("--keys", options.keys, "folder of keys, from `cleave keys`; the certificate used is `coordinator`")
      ->type_name("DIR");
  app.add_option("--connect", options.connect_s, "seconds to wait for all workers at the start")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str()
      ->type_name("S");
  app.add_option("--give-up", options.gone_s,
                 "seconds after which a device that is away is given up for a plan without")
      ->check(CLI::Range(0.1, 1e9))
      ->capture_default_str()
      ->type_name("S");
}

bool uses_swarm(const SwarmOptions& options, const Model& model) {
  const bool asked =
      options.local || options.planning.devices > 0 || !options.plan_file.empty() || !options.row.empty();
  if (options.here && (asked || options.emulate))
    throw UserError("--here runs in this process: --local, --emulate, --devices, --plan and --cut ask for workers");
  if (options.emulate && !options.local)
    throw UserError("--emulate slows down processes on this machine: it needs --local");
  if (options.planning.devices > 0 && !options.local)
    throw UserError("--devices N makes up devices: they can only be processes on this machine; add --local");
  if (options.here) return false;
  return asked || !model.reading.spec.devices.empty();
}

std::string model_text_of(const Model& model) {
  const std::string text = doc_to_yaml(model.reading.doc, false);
  if (model.reading.doc.find("name") != nullptr) return text;
  return fmt::format("name: {}\n{}", nlohmann::json(model.reading.spec.name).dump(), text);
}

TlsFiles keys_for(const std::string& folder, const std::string& name) {
  if (folder.empty()) return {};
  if (name.empty()) throw UserError("--keys needs --name: the certificate is chosen by the device's name");
  return tls_files(folder, name);
}

void refuse_open_address(const Address& address, const TlsFiles& tls, bool insecure_lan) {
  if (tls.used() || insecure_lan || is_loopback(address)) return;
  throw UserError(
      fmt::format("{} can be reached by other machines, and without keys anybody there could use this one: "
                  "give --keys DIR (see `cleave keys --help`), or --insecure-lan where that is all right",
                  address.text()));
}

void start_workers(SwarmJob& job, const SwarmOptions& options, const CommonOptions& common, Log& log,
                   const std::vector<std::string>& devices) {
  if (!options.local) {
    job.setup.addresses = addresses_of(job.planning->swarm);
    job.setup.tls = keys_for(options.keys, kCoordinator);
    return;
  }
  LocalWorkersOptions local;
  local.program = std::filesystem::read_symlink("/proc/self/exe").string();
  local.devices = devices;
  local.verbose = common.verbosity > 1;
  local.log = [&log](const std::string& line) { log.note(line); };
  job.workers = std::make_unique<LocalWorkers>(std::move(local));
  job.setup.addresses = job.workers->addresses();
  job.setup.look = [workers = job.workers.get()] { workers->look(); };
}

std::unique_ptr<SwarmJob> prepare_swarm(const SwarmOptions& options, const CommonOptions& common, Log& log) {
  auto job = std::make_unique<SwarmJob>();
  job->planning = prepare_planning(options.planning, common);
  const PlanningJob& planning = *job->planning;
  job->plan = plan_of(planning, options);
  SwarmSetup& setup = job->setup;
  setup.run = planning.model.reading.spec.name;
  setup.model_text = model_text_of(planning.model);
  setup.swarm = &planning.swarm;
  setup.batch = planning.request.batch;
  setup.in_flight = planning.request.in_flight;
  setup.threads = std::max(1, common.threads);
  setup.emulate = options.emulate;
  setup.connect_s = options.connect_s;
  setup.gone_s = options.gone_s;
  std::vector<std::string> used;
  for (const PlanStage& stage : job->plan.stages)
    used.push_back(planning.swarm.devices[static_cast<std::size_t>(stage.device)].name);
  job->spares = std::make_unique<SparePlans>(planning, std::move(used));
  setup.replan = [spares = job->spares.get()](const std::vector<std::string>& gone) { return spares->without(gone); };
  setup.log = [&log](const std::string& line) { log.note(line); };
  setup.link_log = [&log](const std::string& line) { log.debug(line); };
  std::vector<std::string> devices;
  for (const Device& device : planning.swarm.devices) devices.push_back(device.name);
  start_workers(*job, options, common, log, devices);
  return job;
}

}  // namespace cleave
