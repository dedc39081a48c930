// What tells devices apart, and what is between them.
#include <algorithm>

#include "partitioner/make_problem.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

}  // namespace

LinkCost link_cost(const Swarm& swarm, int a, int b) {
  const Link& link = swarm.links[at(a)][at(b)];
  return {link.latency_s.value, link.exists() ? 8 / link.bandwidth_bps.value : kInfinity, link.half_duplex};
}

double link_s(const Swarm& swarm, int from, int to, double bytes) {
  return from == to ? 0 : link_cost(swarm, from, to).seconds(bytes);
}

bool is_half_duplex(const Swarm& swarm, int from, int to) {
  return from >= 0 && from != to && swarm.links[at(from)][at(to)].half_duplex;
}

std::int64_t memory_limit(const Setting& setting, int device) {
  const Device& on = setting.swarm.devices[at(device)];
  return static_cast<std::int64_t>(static_cast<double>(on.memory_bytes - on.reserve_bytes) *
                                   setting.request.memory_share);
}

bool is_same_kind(const Setting& setting, int a, int b) {
  const Swarm& swarm = setting.swarm;
  const Device& x = swarm.devices[at(a)];
  const Device& y = swarm.devices[at(b)];
  if (a == swarm.source || b == swarm.source) return a == b;
  for (const auto& [node, device] : setting.request.pins)
    if (device == a || device == b) return a == b;
  const bool same_power = x.idle_w.value == y.idle_w.value && x.compute_w.value == y.compute_w.value &&
                          x.standby_w.value == y.standby_w.value && x.battery_j == y.battery_j;
  if (!same_power || setting.costs.row_of[at(a)] != setting.costs.row_of[at(b)]) return false;
  if (x.memory_bytes != y.memory_bytes || x.reserve_bytes != y.reserve_bytes) return false;
  for (int other = 0; other < static_cast<int>(swarm.devices.size()); ++other)
    if (other != a && other != b && !(link_cost(swarm, a, other) == link_cost(swarm, b, other))) return false;
  return true;
}

std::vector<DeviceKind> device_kinds(const Setting& setting, const std::vector<bool>& taken) {
  std::vector<DeviceKind> kinds;
  for (int d = 0; d < static_cast<int>(setting.swarm.devices.size()); ++d) {
    if (taken[at(d)]) continue;
    const auto same = std::find_if(kinds.begin(), kinds.end(), [&](const DeviceKind& kind) {
      return std::all_of(kind.devices.begin(), kind.devices.end(), [&](int e) { return is_same_kind(setting, d, e); });
    });
    if (same != kinds.end()) {
      same->devices.push_back(d);
      continue;
    }
    const Device& device = setting.swarm.devices[at(d)];
    DeviceKind kind;
    kind.devices = {d};
    kind.memory_bytes = static_cast<double>(memory_limit(setting, d));
    kind.idle_w = device.idle_w.value;
    kind.standby_w = device.standby_w.value;
    kind.compute_w = device.compute_w.value;
    kind.battery_j = device.battery_j;
    kinds.push_back(std::move(kind));
  }
  return kinds;
}

}  // namespace cleave
