// The work of a batch on every device, the timing of the cascade, and the joules that follow.
#include "partitioner/training_plan.h"

#include <algorithm>
#include <cassert>

#include <fmt/format.h>

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }
std::int64_t integer_at(const DocNode& doc, const char* path, std::int64_t fallback) {
  const DocNode* node = find_path(doc, path);
  const auto* value = node == nullptr || !node->value ? nullptr : std::get_if<std::int64_t>(&*node->value);
  return value == nullptr ? fallback : *value;
}
double real_at(const DocNode& doc, const char* path, double fallback) {
  const DocNode* node = find_path(doc, path);
  const auto* value = node == nullptr || !node->value ? nullptr : std::get_if<double>(&*node->value);
  return value == nullptr ? fallback : *value;
}
std::string word_at(const DocNode& doc, const char* path) {
  const DocNode* node = find_path(doc, path);
  return node == nullptr ? "" : node->scalar;
}

std::vector<double> whole_module(const Graph& graph, ModuleId module) {
  std::vector<double> shares(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    shares[i] = graph.nodes[i].module == module && graph.nodes[i].op != nullptr ? 1 : 0;
  return shares;
}

Figure seconds_of(const std::vector<Figure>& nodes, const std::vector<double>& shares) {
  Figure sum;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] <= 0) continue;
    sum.value += shares[i] * nodes[i].value;
    sum.estimate = sum.estimate || nodes[i].estimate;
  }
  return sum;
}

// Times are not additive: a segment that is the whole module counts for more than the sum of its nodes.
Figure forward_seconds(const CostTable& costs, int device, const std::vector<double>& shares) {
  const std::size_t row = at(costs.row_of[at(device)]);
  const auto inside = [](double share) { return share > 0; };
  const auto first = std::find_if(shares.begin(), shares.end(), inside) - shares.begin();
  const auto last = shares.rend() - std::find_if(shares.rbegin(), shares.rend(), inside) - 1;
  for (const SegmentCost& segment : costs.segments[row])
    if (segment.first == first && segment.last == last) return {segment.seconds, false};
  return seconds_of(costs.seconds[row], shares);
}

ModulePlan work_of(const Graph& graph, const CostTable& costs, const TrainingRequest& request, ModuleId id) {
  ModulePlan plan;
  plan.module = id;
  plan.device = index_of(id) < request.device_of.size() ? request.device_of[index_of(id)] : -1;
  const std::string& name = graph.module(id).name;
  if (plan.device < 0 || at(plan.device) >= costs.row_of.size())
    throw UserError(fmt::format("module '{}' has no device; name one in placement.map", name));
  if (moved_layers(graph, id, Part::body).empty() && moved_layers(graph, id, Part::head).empty())
    throw UserError(fmt::format("module '{}' has no weights to train", name));
  const std::vector<double> forward = whole_module(graph, id);
  const std::vector<double> step = step_shares(graph, id, request.pick);
  plan.forward_products = shared_products(graph, forward);
  plan.step_products = shared_products(graph, step);
  plan.forward_s = forward_seconds(costs, plan.device, forward);
  plan.step_s = seconds_of(costs.seconds[at(costs.row_of[at(plan.device)])], step);
  return plan;
}

// Modules of one device share its time evenly.
double modules_on(const TrainingPlan& plan, int device) {
  return static_cast<double>(std::count_if(plan.modules.begin(), plan.modules.end(),
                                           [&](const ModulePlan& module) { return module.device == device; }));
}

Figure transfer(const Swarm& swarm, int from, int to, std::int64_t bytes) {
  const Link& link = swarm.links[at(from)][at(to)];
  if (!link.exists())
    throw UserError(
        fmt::format("no link joins '{}' and '{}'", swarm.devices[at(from)].name, swarm.devices[at(to)].name));
  return {link.latency_s.value + 8 * static_cast<double>(bytes) / link.bandwidth_bps.value,
          link.latency_s.estimate || link.bandwidth_bps.estimate};
}

void add_transfers(const Graph& graph, const Swarm& swarm, TrainingPlan& plan) {
  const NodeId input = graph.module(plan.modules.front().module).input;
  const int first = plan.modules.front().device;
  if (swarm.source >= 0 && swarm.source != first) {
    plan.input_bytes = wire_bytes(graph, input, plan.batch) + kLabelBytes * plan.batch;
    plan.input_s = transfer(swarm, swarm.source, first, plan.input_bytes);
  }
  for (std::size_t m = 0; m + 1 < plan.modules.size(); ++m) {
    ModulePlan& from = plan.modules[m];
    const int to = plan.modules[m + 1].device;
    if (from.device == to) continue;
    from.sent_bytes = wire_bytes(graph, graph.module(from.module).body, plan.batch) + kLabelBytes * plan.batch;
    from.link_s = transfer(swarm, from.device, to, from.sent_bytes);
  }
}

std::vector<ModuleTimes> times_of(const TrainingPlan& plan) {
  std::vector<ModuleTimes> all;
  for (std::size_t m = 0; m < plan.modules.size(); ++m) {
    const ModulePlan& module = plan.modules[m];
    const double shared = modules_on(plan, module.device);
    const double receive = m == 0 ? plan.input_s.value : plan.modules[m - 1].link_s.value;
    all.push_back({receive, shared * module.forward_s.value, shared * module.step_s.value, module.max_steps});
  }
  return all;
}

bool is_estimate(const TrainingPlan& plan) {
  return plan.input_s.estimate || std::any_of(plan.modules.begin(), plan.modules.end(), [](const ModulePlan& module) {
           return module.forward_s.estimate || module.step_s.estimate || module.link_s.estimate;
         });
}

void set_timing(const CascadePace& cascade, TrainingPlan& plan) {
  const bool estimate = is_estimate(plan);
  plan.slowest = cascade.slowest;
  plan.slowest_is_link = cascade.slowest_is_link;
  for (std::size_t m = 0; m < plan.modules.size(); ++m) {
    const ModulePace& pace = cascade.modules[m];
    plan.modules[m].steps = pace.steps;
    plan.modules[m].pace_s = {pace.pace_s, estimate};
    plan.modules[m].busy_share = pace.pace_s > 0 ? std::min(1.0, pace.busy_s / pace.pace_s) : 0;
    plan.modules[m].queue = pace.queue;
  }
  // Nobody waits for those behind: an epoch is over when the first module has done its batches.
  plan.epoch_s = {static_cast<double>(plan.batches) * plan.modules.front().pace_s.value, estimate};
  for (ModulePlan& module : plan.modules)
    module.batches = static_cast<double>(plan.batches) *
                     std::min(1.0, plan.modules.front().pace_s.value / std::max(module.pace_s.value, 1e-300));
}

// A device computes at one power and waits at the other, to the end of the epoch.
void set_joules(const Swarm& swarm, TrainingPlan& plan) {
  for (ModulePlan& module : plan.modules) {
    const Device& device = swarm.devices[at(module.device)];
    const double shared = modules_on(plan, module.device);
    const double busy = module.busy_share * (device.compute_w.value - device.idle_w.value);
    module.joules = plan.epoch_s.value * (device.idle_w.value + busy) / shared;
    plan.joules += module.joules;
  }
}

}  // namespace

TrainingRequest read_training(const Graph& graph, const DocNode& doc, const Swarm& swarm, std::int64_t samples) {
  TrainingRequest request;
  request.samples = samples;
  for (const Module& module : graph.modules) {
    const DocNode* map = find_path(doc, "placement.map");
    const DocNode* device = map == nullptr ? nullptr : map->find(module.name);
    request.device_of.push_back(device == nullptr ? -1 : find_device(swarm, device->scalar));
  }
  request.max_steps = integer_at(doc, "training.iterations.max", 0);
  request.pick = {real_at(doc, "training.pick.body", request.pick.body),
                  real_at(doc, "training.pick.head", request.pick.head)};
  const bool lockstep = word_at(doc, "training.mode") == "lockstep";
  request.cascade.stop_early = !lockstep && word_at(doc, "training.iterations.stop_early") == "on_new_input";
  const std::string policy = word_at(doc, "training.buffer.policy");
  const bool drops = word_at(doc, "training.buffer.when_full") == "drop_oldest";
  request.cascade.blocks = lockstep || (!drops && policy != "latest" && policy != "replay");
  request.cascade.capacity = integer_at(doc, "training.buffer.capacity", 4);
  return request;
}

TrainingPlan training_plan(const Graph& graph, const Swarm& swarm, const CostTable& costs,
                           const TrainingRequest& request) {
  TrainingPlan plan;
  plan.batch = costs.batch;
  plan.batches = std::max<std::int64_t>(1, (request.samples + costs.batch - 1) / costs.batch);
  for (std::size_t m = 0; m < graph.modules.size(); ++m)
    plan.modules.push_back(work_of(graph, costs, request, static_cast<ModuleId>(m)));
  assert(!plan.modules.empty());
  add_transfers(graph, swarm, plan);
  std::vector<ModuleTimes> times = times_of(plan);
  std::vector<std::int64_t> steps(times.size(), request.max_steps);
  if (request.max_steps == 0) steps = balanced_steps(times, request.cascade, request.auto_steps);
  for (std::size_t m = 0; m < times.size(); ++m) times[m].max_steps = plan.modules[m].max_steps = steps[m];
  set_timing(cascade_pace(times, request.cascade), plan);
  set_joules(swarm, plan);
  return plan;
}

}  // namespace cleave
