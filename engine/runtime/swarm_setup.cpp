#include "engine/runtime/swarm_setup.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "partitioner/make_problem.h"

namespace cleave {

namespace {

// Twice what is under way on a link and back, but two frames at least (wire.md, "Flow").
std::int64_t window_frames(const Swarm& swarm, const Plan& plan) {
  std::int64_t most = 2;
  for (const PlanCut& cut : plan.cuts) {
    const auto bytes = static_cast<double>(std::max<std::int64_t>(cut.bytes, 1));
    most = std::max(most, static_cast<std::int64_t>(std::ceil(window_bytes(swarm, bytes) / bytes)));
  }
  constexpr std::int64_t kMost = 64;
  return std::min(most, kMost);
}

}  // namespace

Assignment assignment_of(const SwarmSetup& setup, const Plan& plan, const std::string& mode,
                         const std::vector<std::string>& wanted) {
  const auto stages = static_cast<std::int64_t>(plan.stages.size());
  Assignment a;
  a.run = setup.run;
  a.run_key = random_id();
  a.mode = mode;
  a.plan = plan;
  for (const Device& device : setup.swarm->devices) a.devices.push_back(device.name);
  for (const auto& [device, address] : setup.addresses) a.addresses[device] = address.text();
  a.wanted = wanted;
  a.batch = setup.batch;
  a.in_flight = setup.threads > 1 ? setup.in_flight : 1;
  a.window_frames = window_frames(*setup.swarm, plan);
  a.keep_frames = std::max(setup.in_flight, a.window_frames) * stages + 2;
  a.threads = setup.threads;
  a.dead_s = setup.dead_s;
  return a;
}

Assignment for_stage(const Assignment& common, const SwarmSetup& setup, int stage) {
  Assignment a = common;
  a.stage = stage;
  if (!setup.emulate) return a;
  const PlanStage& own = a.plan.stages[static_cast<std::size_t>(stage)];
  a.pace_s = own.compute_s.value;
  for (const PlanStage& other : a.plan.stages) {
    if (other.device == own.device) continue;
    const Link& link = setup.swarm->links[static_cast<std::size_t>(own.device)][static_cast<std::size_t>(other.device)];
    a.link_paces[setup.swarm->devices[static_cast<std::size_t>(other.device)].name] = {link.bandwidth_bps.value,
                                                                                       link.latency_s.value};
  }
  return a;
}

std::vector<SwarmMember> members_of(const SwarmSetup& setup, const Assignment& assignment) {
  std::vector<SwarmMember> members;
  for (int stage = 0; stage < static_cast<int>(assignment.plan.stages.size()); ++stage) {
    const std::string& device = assignment.device_of(stage);
    const auto found = setup.addresses.find(device);
    if (found == setup.addresses.end())
      throw UserError(
          fmt::format("device '{}' has no host: write where its worker listens, e.g. host: {}.local, or "
                      "start all of them here with --local",
                      device, device));
    members.push_back({device, found->second});
  }
  return members;
}

}  // namespace cleave
