// The figures at every position, whoever does the work.
#include <fmt/format.h>

#include "graphs/passes.h"
#include "partitioner/make_problem.h"

namespace cleave {

namespace {

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

// Where nobody said where to cut, no layer is taken apart that inference computes as one: it would cost more than was
// measured, and its results would differ in the last bits from those of one device.
std::vector<bool> cuts_allowed(const Setting& setting, const Positions& positions) {
  std::vector<bool> allowed(positions.all.size(), true);
  if (!setting.request.cut_after.empty()) return allowed;
  const std::vector<NodeId> computed = computed_by(setting.graph);
  for (std::size_t p = 0; p < allowed.size(); ++p) allowed[p] = keeps_layers(positions.all[p], computed);
  return allowed;
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

}  // namespace

Numbers numbers_of(const Setting& setting) {
  Numbers numbers;
  numbers.positions = positions_of(setting, &numbers.every_cut);
  numbers.may_cut = cuts_allowed(setting, numbers.positions);
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

}  // namespace cleave
