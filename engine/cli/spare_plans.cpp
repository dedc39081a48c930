// Plans for a swarm that has lost a device.
#include <algorithm>

#include "engine/cli/swarm_options.h"

namespace cleave {

namespace {

// The best plan for those that are left; nothing where none fits. Pins and maps name devices, so they are left aside.
std::optional<Plan> plan_without(const PlanningJob& job, const std::vector<std::string>& gone) {
  Swarm left;
  std::vector<int> number;  // in the whole swarm
  for (std::size_t d = 0; d < job.swarm.devices.size(); ++d)
    if (std::find(gone.begin(), gone.end(), job.swarm.devices[d].name) == gone.end())
      number.push_back(static_cast<int>(d));
  if (number.empty()) return std::nullopt;
  for (const int a : number) {
    left.devices.push_back(job.swarm.devices[static_cast<std::size_t>(a)]);
    left.links.emplace_back();
    for (const int b : number)
      left.links.back().push_back(job.swarm.links[static_cast<std::size_t>(a)][static_cast<std::size_t>(b)]);
    if (a == job.swarm.source) left.source = static_cast<int>(left.devices.size()) - 1;
  }
  PlanRequest request = job.request;
  request.pins.clear();
  request.time_limit_s = 1;
  const CostTable costs = cost_table(job.model.graph, left, job.profiles, request.batch);
  const Setting setting{job.model.graph, left, costs, request};
  PlanTable table = partition(job.model.graph, left, costs, request);
  if (table.chosen < 0) return std::nullopt;
  Plan plan = table.plan();
  name_nodes(setting, plan);
  for (PlanStage& stage : plan.stages) stage.device = number[static_cast<std::size_t>(stage.device)];
  return plan;
}

}  // namespace

SparePlans::SparePlans(const PlanningJob& job, std::vector<std::string> devices) : job_(job) {
  thread_ = std::thread([this, devices = std::move(devices)] {
    for (const std::string& device : devices) {
      if (stop_) return;
      std::optional<Plan> plan = plan_without(job_, {device});
      const std::lock_guard lock(gate_);
      found_[device] = std::move(plan);
    }
  });
}

SparePlans::~SparePlans() {
  stop_ = true;
  thread_.join();
}

std::optional<Plan> SparePlans::without(const std::vector<std::string>& gone) {
  if (gone.size() == 1) {
    const std::lock_guard lock(gate_);
    const auto found = found_.find(gone.front());
    if (found != found_.end()) return found->second;
  }
  return plan_without(job_, gone);
}

}  // namespace cleave
