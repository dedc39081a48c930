#include "partitioner/make_problem.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "ops/core/catalog.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

bool is_done(const Position& position, std::size_t node) { return (position.done[node / 64] >> (node % 64) & 1U) != 0; }

// f32 in memory, whatever travels: a frame's slot in the runtime.
std::int64_t slot_bytes(const PlanRequest& request, const TensorType& type) {
  return 4 * request.in_flight * request.batch * element_count(type.shape);
}

// Sums a figure of the nodes over what is done at every position.
template <class T, class F>
std::vector<T> done_sums(const Positions& positions, std::size_t nodes, const F& of_node) {
  std::vector<T> sums;
  for (std::size_t p = 0; p < positions.all.size(); ++p) {
    T sum{};
    const bool longer = p > 0 && positions.after.empty();  // a chain: the one before and the nodes between
    if (longer) sum = sums.back();
    for (std::size_t i = 1; i < nodes; ++i)
      if (is_done(positions.all[p], i) && !(longer && is_done(positions.all[p - 1], i))) sum += of_node(i);
    sums.push_back(sum);
  }
  return sums;
}

// The receive and the send window of a cut: two frames, or twice what is under way on the link (wire.md, "Flow").
double window_bytes(const Swarm& swarm, double frame_bytes) {
  double under_way = 0;
  for (std::size_t a = 0; a < swarm.links.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      under_way =
          std::max(under_way, swarm.links[a][b].bandwidth_bps.value / 8 * 2 * swarm.links[a][b].latency_s.value);
  return frame_bytes == 0 ? 0 : std::ceil(2 * std::max(frame_bytes, under_way));
}

// Position of a prefix, by the index of its last node.
std::map<std::int32_t, int> prefix_positions(const Positions& positions, std::size_t nodes) {
  std::map<std::int32_t, int> found;
  for (std::size_t p = 0; p < positions.all.size(); ++p) {
    std::size_t length = 0;
    while (length < nodes && is_done(positions.all[p], length)) ++length;
    std::size_t rest = length;
    while (rest < nodes && !is_done(positions.all[p], rest)) ++rest;
    if (rest == nodes) found[static_cast<std::int32_t>(length) - 1] = static_cast<int>(p);
  }
  return found;
}

Positions positions_of(const Setting& setting, bool* every_cut) {
  const Graph& graph = setting.graph;
  if (setting.request.cut_after.empty()) {
    if (std::optional<Positions> all = down_sets(graph)) return std::move(*all);
    *every_cut = false;
  }
  if (setting.request.cut_after.empty() && graph.nodes.size() > static_cast<std::size_t>(kMaxPositions))
    throw UserError(
        fmt::format("{} nodes are too many to try a cut behind each (at most {}); state placement.cuts.after",
                    graph.nodes.size(), kMaxPositions));
  return chain_positions(graph, setting.request.cut_after);
}

void add_seconds(const Setting& setting, Numbers& numbers) {
  const std::size_t nodes = setting.graph.nodes.size();
  for (std::size_t row = 0; row < setting.costs.seconds.size(); ++row) {
    const std::vector<Figure>& seconds = setting.costs.seconds[row];
    numbers.done_s.push_back(
        done_sums<double>(numbers.positions, nodes, [&](std::size_t i) { return seconds[i].value; }));
    numbers.estimates.push_back(
        done_sums<int>(numbers.positions, nodes, [&](std::size_t i) { return seconds[i].estimate ? 1 : 0; }));
    numbers.measured_s.emplace_back();
    for (const SegmentCost& segment : setting.costs.segments[row]) {
      const auto from = numbers.prefixes.find(segment.first - 1);
      const auto to = numbers.prefixes.find(segment.last);
      if (from != numbers.prefixes.end() && to != numbers.prefixes.end())
        numbers.measured_s.back()[{from->second, to->second}] = segment.seconds;
    }
  }
}

void add_bytes(const Setting& setting, Numbers& numbers) {
  const Graph& graph = setting.graph;
  const PlanRequest& request = setting.request;
  numbers.held_bytes = done_sums<double>(numbers.positions, graph.nodes.size(), [&](std::size_t i) {
    return static_cast<double>(weight_bytes(graph.nodes[i]) + slot_bytes(request, graph.nodes[i].type));
  });
  numbers.work = done_sums<double>(numbers.positions, graph.nodes.size(), [&](std::size_t i) {
    return static_cast<double>(request.batch * (graph.nodes[i].cost.mult_adds + graph.nodes[i].cost.binary_ops));
  });
  for (const Position& position : numbers.positions.all) {
    std::int64_t bytes = 0;
    for (const NodeId node : position.crossing) bytes += wire_bytes(graph, node, request.batch);
    numbers.sent_bytes.push_back(static_cast<double>(bytes));
    numbers.in_bytes.push_back(window_bytes(setting.swarm, numbers.sent_bytes.back()));
  }
  numbers.out_bytes = numbers.in_bytes;
}

LinkCost link_cost(const Swarm& swarm, int a, int b) {
  const Link& link = swarm.links[at(a)][at(b)];
  return {link.latency_s.value, link.exists() ? 8 / link.bandwidth_bps.value : kInfinity, link.half_duplex};
}

// The positions that hold all of `from`'s work, itself first.
std::vector<int> behind(const Numbers& numbers, int from) {
  std::vector<int> found{from};
  const int count = static_cast<int>(numbers.positions.all.size());
  for (int p = from + 1; p < count; ++p) {
    const bool chain = numbers.positions.after.empty();
    if (chain || (numbers.positions.after[at(from)][at(p) / 64] >> (at(p) % 64) & 1U) != 0) found.push_back(p);
  }
  return found;
}

template <class T>
std::vector<T> picked(const std::vector<T>& values, const std::vector<int>& positions) {
  std::vector<T> some;
  for (const int p : positions) some.push_back(values[at(p)]);
  return some;
}

std::vector<std::vector<std::uint64_t>> picked_after(const Numbers& numbers, const std::vector<int>& positions) {
  std::vector<std::vector<std::uint64_t>> after;
  if (numbers.positions.after.empty()) return after;
  for (const int p : positions) {
    after.emplace_back((positions.size() + 63) / 64);
    for (std::size_t i = 0; i < positions.size(); ++i)
      if ((numbers.positions.after[at(p)][at(positions[i]) / 64] >> (at(positions[i]) % 64) & 1U) != 0)
        after.back()[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  return after;
}

std::vector<DeviceKind> kinds_of(const Setting& setting, const std::vector<bool>& taken) {
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

void add_links(const Setting& setting, Problem& problem) {
  const Swarm& swarm = setting.swarm;
  for (const DeviceKind& a : problem.kinds) {
    std::vector<LinkCost>& row = problem.links.emplace_back();
    for (const DeviceKind& b : problem.kinds) {
      const int other = &a != &b ? b.devices.front() : b.devices.back();
      row.push_back(other == a.devices.front() ? LinkCost{} : link_cost(swarm, a.devices.front(), other));
    }
    const int first = a.devices.front();
    problem.entry_s.push_back(swarm.source < 0 ? 0 : link_s(swarm, swarm.source, first, problem.sent_bytes[0]));
    if (swarm.source >= 0 && swarm.source != first && swarm.links[at(swarm.source)][at(first)].half_duplex)
      problem.entry_half_duplex = true;
  }
}

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
               int device, double input_bytes) {
  const Device& on = setting.swarm.devices[at(device)];
  Share share;
  share.device = device;
  share.compute_s = figures.seconds[i][at(setting.costs.row_of[at(device)])].value;
  if (setting.swarm.source >= 0) share.receive_s = link_s(setting.swarm, setting.swarm.source, device, input_bytes);
  for (const DeviceKind& kind : behind_split.problem.kinds) {
    const int to = kind.devices.front();
    share.send_s.push_back(link_s(setting.swarm, device, to, static_cast<double>(figures.sent_bytes[i])));
    share.half_duplex = share.half_duplex || setting.swarm.links[at(device)][at(to)].half_duplex;
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

}  // namespace

double link_s(const Swarm& swarm, int from, int to, double bytes) {
  return from == to ? 0 : link_cost(swarm, from, to).seconds(bytes);
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

Numbers numbers_of(const Setting& setting) {
  Numbers numbers;
  numbers.positions = positions_of(setting, &numbers.every_cut);
  numbers.prefixes = prefix_positions(numbers.positions, setting.graph.nodes.size());
  add_seconds(setting, numbers);
  add_bytes(setting, numbers);
  for (const auto& [pinned, device] : setting.request.pins) {
    const std::vector<int> done =
        done_sums<int>(numbers.positions, setting.graph.nodes.size(),
                       [node = index_of(pinned)](std::size_t i) { return i == node ? 1 : 0; });
    std::vector<int>& sums = numbers.pinned[device];
    sums.resize(done.size());
    for (std::size_t p = 0; p < done.size(); ++p) sums[p] += done[p];
  }
  return numbers;
}

int position_of(const Numbers& numbers, NodeId to) {
  const auto position = numbers.prefixes.find(static_cast<std::int32_t>(to));
  return position == numbers.prefixes.end() ? -1 : position->second;
}

Subproblem problem_behind(const Setting& setting, const Numbers& numbers, int from, const std::vector<bool>& taken) {
  Subproblem sub;
  sub.positions = behind(numbers, from);
  Problem& problem = sub.problem;
  problem.model = setting.request.model;
  problem.positions = static_cast<int>(sub.positions.size());
  problem.after = picked_after(numbers, sub.positions);
  problem.held_bytes = picked(numbers.held_bytes, sub.positions);
  problem.in_bytes = picked(numbers.in_bytes, sub.positions);
  problem.out_bytes = picked(numbers.out_bytes, sub.positions);
  problem.sent_bytes = picked(numbers.sent_bytes, sub.positions);
  problem.kinds = kinds_of(setting, taken);
  std::map<int, int> index;
  for (std::size_t i = 0; i < sub.positions.size(); ++i) index[sub.positions[i]] = static_cast<int>(i);
  for (const DeviceKind& kind : problem.kinds) {
    const std::size_t row = at(setting.costs.row_of[at(kind.devices.front())]);
    problem.done_s.push_back(picked(numbers.done_s[row], sub.positions));
    problem.measured_s.emplace_back();
    for (const auto& [ends, seconds] : numbers.measured_s[row])
      if (index.count(ends.first) > 0 && index.count(ends.second) > 0)
        problem.measured_s.back()[{index[ends.first], index[ends.second]}] = seconds;
    if (numbers.pinned.empty()) continue;
    const auto pins = numbers.pinned.find(kind.devices.front());
    problem.pinned.push_back(pins == numbers.pinned.end() ? std::vector<int>(sub.positions.size())
                                                          : picked(pins->second, sub.positions));
    for (int& done : problem.pinned.back()) done -= pins == numbers.pinned.end() ? 0 : pins->second[at(from)];
  }
  add_links(setting, problem);
  return sub;
}

SplitFigures split_figures(const Setting& setting, const Numbers& numbers, const SplitSpec& spec) {
  SplitFigures figures;
  figures.spec = spec;
  figures.at = position_of(numbers, spec.to);
  figures.split = find(split_catalog(), spec.kind)->split(setting.graph, spec.to, spec.ways);
  const Graph& graph = figures.split.graph;
  const DType dtype = sent_dtype(setting.graph, spec.to);
  for (int share = 0; share < spec.ways; ++share) {
    std::int64_t memory = 0, work = 0;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      if (figures.split.share_of[i] != share) continue;
      memory += weight_bytes(graph.nodes[i]) + slot_bytes(setting.request, graph.nodes[i].type);
      work += setting.request.batch * (graph.nodes[i].cost.mult_adds + graph.nodes[i].cost.binary_ops);
    }
    const Node& output = graph.node(figures.split.outputs[at(share)]);
    const std::int64_t bytes = wire_bytes(element_count(output.type.shape), dtype, setting.request.batch);
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
  for (std::size_t k = 0; k < sub.problem.kinds.size(); ++k)
    sub.problem.entry_s[k] = joining_s(setting, figures, devices, sub.problem.kinds[k].devices.front());
  for (std::size_t i = 0; i < devices.size(); ++i)
    sub.problem.shares.push_back(share_on(setting, figures, sub, i, devices[i], numbers.sent_bytes[0]));
  return sub;
}

}  // namespace cleave
