// When nothing fits, constraints are lifted one by one until something does; the last one lifted is the reason, and the
// smallest change of it that fits is the advice.
#include "partitioner/infeasible.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "partitioner/plan_text.h"
#include "partitioner/search.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

constexpr double kTrySeconds = 2;  // for each change that is tried

Solution shortest_latency(const Problem& problem) {
  Goal goal;
  goal.time_limit_s = kTrySeconds;
  return search(problem, Minimise::latency, goal);
}

bool fits(const Problem& problem) { return !shortest_latency(problem).stages.empty(); }

// The problem of a changed request or swarm on the same graph.
Problem rebuilt(const Setting& setting, const Swarm& swarm, const CostTable& costs, const PlanRequest& request) {
  const Setting changed{setting.graph, swarm, costs, request};
  return problem_behind(changed, numbers_of(changed), 0, std::vector<bool>(swarm.devices.size())).problem;
}

Problem without_memory(Problem problem) {
  for (DeviceKind& kind : problem.kinds) kind.memory_bytes = kInfinity;
  return problem;
}

// The least share of the memory that fits, in whole per cent; 0 = not even all of it. More memory never fits less.
int least_memory_share(const Setting& setting) {
  const auto fits_with = [&](int percent) {
    PlanRequest request = setting.request;
    request.memory_share = percent / 100.0;
    return fits(rebuilt(setting, setting.swarm, setting.costs, request));
  };
  if (!fits_with(100)) return 0;
  int low = static_cast<int>(100 * setting.request.memory_share), high = 100;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (fits_with(middle) ? high : low) = middle;
  }
  return high;
}

int roomiest(const Setting& setting) {
  int best = 0;
  for (int d = 1; d < static_cast<int>(setting.swarm.devices.size()); ++d)
    if (memory_limit(setting, d) > memory_limit(setting, best)) best = d;
  return best;
}

// The smallest number of further devices like `model` that fits; 0 = not with eight more.
int more_devices(const Setting& setting, int model) {
  Swarm swarm = setting.swarm;
  CostTable costs = setting.costs;
  for (int more = 1; more <= 8 && static_cast<int>(swarm.devices.size()) < kMaxDevices; ++more) {
    swarm.devices.push_back(swarm.devices[at(model)]);
    costs.row_of.push_back(costs.row_of[at(model)]);
    for (std::vector<Link>& row : swarm.links) row.push_back(row[at(model)]);
    swarm.links.push_back(swarm.links[at(model)]);
    const Link any = swarm.links[at(model)][model == 0 && swarm.links.size() > 2 ? 1 : 0];
    swarm.links[at(model)].back() = swarm.links.back()[at(model)] = any;
    if (fits(rebuilt(setting, swarm, costs, setting.request))) return more;
  }
  return 0;
}

// The heaviest thing between two neighbouring positions: what no cut can make smaller.
struct Heaviest {
  std::string name;
  double bytes = 0;
};

Heaviest heaviest_step(const Numbers& numbers) {
  Heaviest heaviest;
  std::size_t before = 0;
  for (std::size_t p = 1; p < numbers.positions.all.size(); ++p) {
    if (!numbers.may_cut[p]) continue;
    const std::size_t from = std::exchange(before, p);
    const double bytes =
        numbers.held_bytes[p] - numbers.held_bytes[from] + numbers.in_bytes[from] + numbers.out_bytes[p];
    if (numbers.positions.after.empty() && bytes > heaviest.bytes) heaviest = {numbers.positions.all[p].name, bytes};
  }
  return heaviest;
}

std::string memory_advice(const Setting& setting, int device) {
  if (const int percent = least_memory_share(setting); percent > 0)
    return fmt::format("it would fit with placement.limits.memory: {}%", percent);
  const Device& model = setting.swarm.devices[at(device)];
  if (const int more = more_devices(setting, device); more > 0)
    return fmt::format("it would fit with {} more device{} like '{}'", more, more == 1 ? "" : "s", model.name);
  for (const auto& [what, batch, in_flight] :
       {std::tuple("inference.in_flight: 1", setting.request.batch, std::int64_t{1}),
        std::tuple("inference.batch: 1 and in_flight: 1", std::int64_t{1}, std::int64_t{1})}) {
    PlanRequest request = setting.request;
    request.batch = batch;
    request.in_flight = in_flight;
    if (fits(rebuilt(setting, setting.swarm, setting.costs, request))) return fmt::format("it would fit with {}", what);
  }
  return "no cut makes it fit; it needs a device with more memory";
}

std::string memory_reason(const Setting& setting, const Numbers& numbers) {
  const int device = roomiest(setting);
  const double limit = static_cast<double>(memory_limit(setting, device));
  const Heaviest heaviest = heaviest_step(numbers);
  std::string text;
  if (heaviest.bytes > limit) {
    text = fmt::format("what ends with layer '{}' cannot be cut further: {}", heaviest.name,
                       memory_misfit(setting, device, heaviest.bytes, limit));
  } else {
    double needed = numbers.held_bytes.back(), have = 0;
    for (int d = 0; d < static_cast<int>(setting.swarm.devices.size()); ++d)
      have += static_cast<double>(memory_limit(setting, d));
    const std::string places =
        setting.swarm.devices.size() == 1
            ? memory_misfit(setting, 0, needed + numbers.in_bytes[0], limit)
            : fmt::format("the network holds {}, the {} devices together have {} for it",
                          binary_bytes(static_cast<std::int64_t>(needed)), setting.swarm.devices.size(),
                          binary_bytes(static_cast<std::int64_t>(have)));
    text = fmt::format("{} (its largest part, up to layer '{}', needs {})", places, heaviest.name,
                       binary_bytes(static_cast<std::int64_t>(heaviest.bytes)));
  }
  return fmt::format("memory: {}\n{}", text, memory_advice(setting, device));
}

}  // namespace

std::string memory_misfit(const Setting& setting, int device, double needed_bytes, double limit_bytes) {
  return fmt::format("'{}' would hold {}, {} more than the {} it has for it", setting.swarm.devices[at(device)].name,
                     binary_bytes(static_cast<std::int64_t>(needed_bytes)),
                     binary_bytes(static_cast<std::int64_t>(needed_bytes - limit_bytes)),
                     binary_bytes(static_cast<std::int64_t>(limit_bytes)));
}

std::string why_nothing_fits(const Setting& setting, const Numbers& numbers, const Problem& whole, double shortest_s) {
  const Solution fastest = shortest_latency(whole);
  if (setting.request.refuse_estimates && (!fastest.stages.empty() || shortest_s < kInfinity))
    return "costs: no plan has only measured stages, and placement.costs.else is refuse\nrun `cleave profile` on the "
           "devices, or write costs: {else: estimate}";
  const double least_s = std::min(fastest.score.latency_s, shortest_s);
  if (least_s < kInfinity)
    return fmt::format(
        "latency: no plan keeps to {:.4g} ms; the shortest found is {:.4g} ms\nit would fit with "
        "placement.limits.latency: {:.4g}ms",
        1e3 * setting.request.latency_limit_s, 1e3 * least_s, 1.001e3 * least_s);
  if (fits(without_memory(whole))) return memory_reason(setting, numbers);
  Problem free = without_memory(whole);
  free.pinned.clear();
  if (fits(free))
    return "pins: the pinned layers cannot all run where they are pinned: a device runs one stretch of the network, "
           "and "
           "what stands between two layers pinned to it runs there, too\nunpin one of them, or cut elsewhere";
  return "links: no device has a path for what the first stage reads, or no path between the devices it takes\nadd "
         "links.default, or an override for such a pair";
}

double loose_bound(const Setting& setting) {
  const CostTable& costs = setting.costs;
  double total = 0, largest = 0, joules = 0, battery = 0;
  for (std::size_t node = 1; node < setting.graph.nodes.size(); ++node) {
    double least = kInfinity, least_j = kInfinity;
    for (std::size_t d = 0; d < setting.swarm.devices.size(); ++d) {
      const double seconds = costs.seconds[at(costs.row_of[d])][node].value;
      least = std::min(least, seconds);
      least_j = std::min(least_j, seconds * setting.swarm.devices[d].compute_w.value);
    }
    total += least;
    largest = std::max(largest, least);
    joules += least_j;
  }
  for (const Device& device : setting.swarm.devices) battery += device.battery_j;
  const std::string_view name = setting.request.objective->name;
  if (name == "throughput") return std::max(largest, total / static_cast<double>(setting.swarm.devices.size()));
  if (name == "latency") return total;
  if (name == "energy") return joules;
  return name == "lifetime" ? battery / joules : 1;
}

}  // namespace cleave
