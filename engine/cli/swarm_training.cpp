#include "engine/cli/swarm_training.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "partitioner/training_plan.h"

namespace cleave {

namespace {

// Modules without a stated device: all of them in the order of the devices, as evenly as it goes.
void fill_places(std::vector<int>& device_of, std::size_t devices) {
  const std::size_t modules = device_of.size();
  if (std::any_of(device_of.begin(), device_of.end(), [](int device) { return device >= 0; })) {
    for (std::size_t m = 0; m < modules; ++m)
      if (device_of[m] < 0) device_of[m] = m == 0 ? 0 : device_of[m - 1];
    return;
  }
  for (std::size_t m = 0; m < modules; ++m) device_of[m] = static_cast<int>(m * devices / std::max(modules, devices));
}

// A device cannot be come back to: batches go one way.
void check_places(const std::vector<int>& device_of, const Swarm& swarm, const Graph& graph) {
  for (std::size_t m = 1; m < device_of.size(); ++m) {
    const auto before = std::find(device_of.begin(), device_of.begin() + static_cast<std::ptrdiff_t>(m), device_of[m]);
    if (device_of[m] == device_of[m - 1] || before == device_of.begin() + static_cast<std::ptrdiff_t>(m)) continue;
    throw UserError(
        fmt::format("placement.map: module '{}' is on {}, which has an earlier module and none in between: "
                    "modules that follow each other may share a device, others may not",
                    graph.modules[m].name, swarm.devices[static_cast<std::size_t>(device_of[m])].name));
  }
}

// The modules of those that are gone move to a neighbour's device, where the chain stays whole.
std::vector<int> places_without(std::vector<int> device_of, const Swarm& swarm, const std::vector<std::string>& gone) {
  const auto is_gone = [&](int device) {
    return std::find(gone.begin(), gone.end(), swarm.devices[static_cast<std::size_t>(device)].name) != gone.end();
  };
  if (std::all_of(device_of.begin(), device_of.end(), is_gone)) return {};
  for (std::size_t m = 1; m < device_of.size(); ++m)
    if (is_gone(device_of[m]) && !is_gone(device_of[m - 1])) device_of[m] = device_of[m - 1];
  for (std::size_t m = device_of.size(); m-- > 1;)
    if (is_gone(device_of[m - 1])) device_of[m - 1] = device_of[m];
  return device_of;
}

}  // namespace

std::unique_ptr<SwarmTrainingJob> prepare_swarm_training(const SwarmOptions& options, const TrainJob& job,
                                                         const CommonOptions& common, Log& log) {
  if (job.spec().training.chains > 1)
    throw UserError(fmt::format(
        "{}: training.chains: several chains are trained in one process, not on workers: leave out --local and the "
        "devices' addresses, or set training.chains=1",
        job.spec().file));
  auto swarm = std::make_unique<SwarmTrainingJob>();
  swarm->swarm.planning = std::make_unique<PlanningJob>();
  PlanningJob& planning = *swarm->swarm.planning;
  planning.model = job.model;
  planning.swarm = swarm_for(options.planning, planning.model);
  const Graph& graph = planning.model.graph;
  const auto images = static_cast<std::int64_t>(job.train.picks.size());
  TrainingRequest request = read_training(graph, planning.model.reading.doc, planning.swarm, images);
  fill_places(request.device_of, planning.swarm.devices.size());
  check_places(request.device_of, planning.swarm, graph);
  request.max_steps = job.options.steps;
  const CostTable costs = cost_table(graph, planning.swarm, {}, job.options.batch);
  const TrainingPlan plan = training_plan(graph, planning.swarm, costs, request);
  SwarmTraining& training = swarm->training;
  training.device_of = request.device_of;
  for (const ModulePlan& module : plan.modules) {
    training.forward_s.push_back(module.forward_s.value);
    training.step_s.push_back(module.step_s.value);
  }
  SwarmSetup& setup = swarm->swarm.setup;
  setup.run = planning.model.reading.spec.name;
  setup.model_text = model_text_of(planning.model);
  setup.swarm = &planning.swarm;
  setup.in_flight = 2;
  setup.threads = std::max(1, common.threads);
  setup.emulate = options.emulate;
  setup.connect_s = options.connect_s;
  setup.dead_s = 10;  // a busy board may be silent for a while, and nobody waits for it
  setup.gone_s = options.gone_s;
  setup.log = [&log](const std::string& line) { log.note(line); };
  setup.link_log = [&log](const std::string& line) { log.debug(line); };
  std::vector<std::string> devices;
  for (const Device& device : planning.swarm.devices) devices.push_back(device.name);
  start_workers(swarm->swarm, options, common, log, devices);
  training.setup = setup;
  training.replan = [&planning, places = training.device_of](const std::vector<std::string>& gone) {
    return places_without(places, planning.swarm, gone);
  };
  if (!job.test.picks.empty())
    training.test = [&job](std::int64_t, std::int64_t batch, TensorView input, std::span<std::int32_t> labels) {
      return fill_samples(job.test, batch, input, labels);
    };
  return swarm;
}

void use_swarm(TrainJob& job, const SwarmTrainingJob* swarm, Log& log) {
  if (swarm == nullptr) return;
  job.swarm = &swarm->training;
  job.options.epoch_batches = batches_per_epoch(job);
  std::vector<std::string> places;
  for (std::size_t m = 0; m < job.graph().modules.size(); ++m)
    places.push_back(
        fmt::format("{} on {}", job.graph().modules[m].name,
                    swarm->swarm.planning->swarm.devices[static_cast<std::size_t>(swarm->training.device_of[m])].name));
  log.info(fmt::format("{}", fmt::join(places, ", ")));
}

}  // namespace cleave
