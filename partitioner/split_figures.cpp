// The shares of a split head, and what stands behind them.
#include <algorithm>

#include "ops/core/catalog.h"
#include "partitioner/make_problem.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// A share's time where it was not measured: its estimate, by the ratio of the head's known time to its own estimate.
Figure share_seconds(const Setting& setting, const Numbers& numbers, const SplitFigures& figures, int share,
                     int device) {
  const std::size_t row = at(setting.costs.row_of[at(device)]);
  for (const ShareCost& cost : setting.costs.shares[row])
    if (cost.split == figures.spec.kind && cost.ways == figures.spec.ways && cost.to == figures.spec.to)
      return {cost.seconds, false};
  const Device& on = setting.swarm.devices[at(device)];
  const auto estimate = [&](const Node& node) {
    Cost cost = node.cost;
    cost.mult_adds *= setting.request.batch;
    cost.binary_ops *= setting.request.batch;
    cost.bytes *= setting.request.batch;
    return estimated_seconds(cost, on);
  };
  double head = 0, part = 0;
  for (std::size_t i = 1; i < setting.graph.nodes.size(); ++i)
    if (is_done(numbers.positions.all[at(figures.at)], i)) head += estimate(setting.graph.nodes[i]);
  for (std::size_t i = 0; i < figures.split.graph.nodes.size(); ++i)
    if (figures.split.share_of[i] == share) part += estimate(figures.split.graph.nodes[i]);
  const auto measured = numbers.measured_s[row].find({0, figures.at});
  const double known =
      measured != numbers.measured_s[row].end() ? measured->second : numbers.done_s[row][at(figures.at)];
  return {head > 0 ? part / head * known : part, true};
}

Share share_on(const Setting& setting, const SplitFigures& figures, const Subproblem& behind_split, std::size_t i,
               int device, double feeding_seconds) {
  const Device& on = setting.swarm.devices[at(device)];
  Share share;
  share.device = device;
  share.compute_s = figures.seconds[i][at(setting.costs.row_of[at(device)])].value;
  const int source = setting.swarm.source;
  const bool feeds = device == source;
  if (source >= 0 && !feeds) share.receive_s = feeding_seconds;
  for (const DeviceKind& kind : behind_split.problem.kinds) {
    const int to = kind.devices.front();
    const double part = link_s(setting.swarm, device, to, static_cast<double>(figures.sent_bytes[i]));
    share.send_s.push_back(part + (feeds ? feeding_seconds : 0));
    share.half_duplex.push_back(is_half_duplex(setting.swarm, device, to) ||
                                is_half_duplex(setting.swarm, source, device));
  }
  share.idle_w = on.idle_w.value;
  share.compute_w = on.compute_w.value;
  share.battery_j = on.battery_j;
  return share;
}

// The receiver has one way in: its parts come one after the other.
double joining_s(const Setting& setting, const SplitFigures& figures, const std::vector<int>& devices, int to) {
  double latency = 0, seconds = 0;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const LinkCost link = link_cost(setting.swarm, devices[i], to);
    latency = std::max(latency, link.latency_s);
    seconds += static_cast<double>(figures.sent_bytes[i]) * link.seconds_per_byte;
  }
  return latency + seconds;
}

// The source has one way out: the copies of the input go one after the other.
double feeding_s(const Setting& setting, const std::vector<int>& devices, double input_bytes) {
  double latency = 0, seconds = 0;
  for (const int device : devices) {
    if (setting.swarm.source < 0 || device == setting.swarm.source) continue;
    const LinkCost link = link_cost(setting.swarm, setting.swarm.source, device);
    latency = std::max(latency, link.latency_s);
    seconds += input_bytes * link.seconds_per_byte;
  }
  return latency + seconds;
}

}  // namespace

SplitFigures split_figures(const Setting& setting, const Numbers& numbers, const SplitSpec& spec) {
  SplitFigures figures;
  figures.spec = spec;
  figures.at = position_of(numbers, spec.to);
  figures.split = find(split_catalog(), spec.kind)->split(setting.graph, spec.to, spec.ways);
  const Graph& graph = figures.split.graph;
  for (int share = 0; share < spec.ways; ++share) {
    std::int64_t memory = 0, work = 0;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      if (figures.split.share_of[i] != share) continue;
      memory += weight_bytes(graph.nodes[i]) + slot_bytes(setting.request, graph.nodes[i].type);
      work += setting.request.batch * (graph.nodes[i].cost.mult_adds + graph.nodes[i].cost.binary_ops);
    }
    const std::int64_t bytes = wire_bytes(graph, figures.split.outputs[at(share)], setting.request.batch);
    figures.sent_bytes.push_back(bytes);
    memory += static_cast<std::int64_t>(numbers.in_bytes[0] + window_bytes(setting.swarm, static_cast<double>(bytes)));
    figures.memory_bytes.push_back(memory);
    figures.work.push_back(work);
    std::vector<Figure>& seconds = figures.seconds.emplace_back(setting.costs.seconds.size());
    for (int d = 0; d < static_cast<int>(setting.swarm.devices.size()); ++d)
      seconds[at(setting.costs.row_of[at(d)])] = share_seconds(setting, numbers, figures, share, d);
  }
  return figures;
}

Subproblem problem_behind_split(const Setting& setting, const Numbers& numbers, const SplitFigures& figures,
                                const std::vector<int>& devices) {
  std::vector<bool> taken(setting.swarm.devices.size());
  for (const int device : devices) taken[at(device)] = true;
  Subproblem sub = problem_behind(setting, numbers, figures.at, taken);
  for (std::size_t k = 0; k < sub.problem.kinds.size(); ++k) {
    const int to = sub.problem.kinds[k].devices.front();
    sub.problem.entry_s[k] = joining_s(setting, figures, devices, to);
    sub.problem.entry_half_duplex[k] = std::any_of(
        devices.begin(), devices.end(), [&](int device) { return is_half_duplex(setting.swarm, device, to); });
  }
  const double feeding = feeding_s(setting, devices, numbers.sent_bytes[0]);
  for (std::size_t i = 0; i < devices.size(); ++i)
    sub.problem.shares.push_back(share_on(setting, figures, sub, i, devices[i], feeding));
  return sub;
}

}  // namespace cleave
