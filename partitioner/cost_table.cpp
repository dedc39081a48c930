// Seconds by node and device: a profile's where it has them, estimates elsewhere.
//
// A measured segment says more than an estimate about the nodes in it, even where none of them was measured alone. So
// what is known of runs of nodes is collected first: the measured segments, and the differences of two that start (or
// end) at the same node, each and the next longer one; where heads and tails both give a run's seconds, which they need
// not agree on, the mean. From the shortest run to the longest, the seconds of a run less those of its nodes that have
// theirs already are then shared among the others in proportion to their estimates. (Where nothing would be left, the
// run's seconds are shared among all its nodes so, and those still without one take their share.) A node filled in this
// way stays an estimate; only a measured node, or a measured segment of one node, is none. O(runs × nodes).
//
// Stages that were measured as one keep their own seconds in the plan (CostTable::segments); these rules matter for the
// others.
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "partitioner/cost.h"
#include "partitioner/profile_lookup.h"

namespace cleave {

namespace {

double seconds_for(std::int64_t work, double per_second) {
  return work > 0 ? static_cast<double>(work) / per_second : 0;
}

std::vector<Cost> costs_of(const Graph& graph, std::int64_t batch) {
  std::vector<Cost> costs;
  for (const Node& node : graph.nodes)
    costs.push_back(node.op == nullptr || batch == 1
                        ? node.cost
                        : node.op->cost(node.params, input_types(graph, node), node.type, node.weight_type, batch));
  return costs;
}

// Runs of nodes and their seconds: measured, or as differences of measured ones.
std::vector<SegmentCost> known_runs(std::vector<SegmentCost> measured) {
  std::map<std::pair<std::int32_t, std::int32_t>, std::pair<double, int>> differences;  // sum, count
  const auto add_differences = [&](bool heads) {
    const auto shared = [&](const SegmentCost& s) { return heads ? s.first : s.last; };
    const auto length = [](const SegmentCost& s) { return s.last - s.first; };
    std::sort(measured.begin(), measured.end(), [&](const SegmentCost& a, const SegmentCost& b) {
      return std::pair(shared(a), length(a)) < std::pair(shared(b), length(b));
    });
    for (std::size_t i = 1; i < measured.size(); ++i) {
      const SegmentCost& inner = measured[i - 1];
      const SegmentCost& outer = measured[i];
      const double seconds = outer.seconds - inner.seconds;
      if (shared(inner) != shared(outer) || seconds <= 0) continue;
      auto& [sum, count] =
          differences[heads ? std::pair(inner.last + 1, outer.last) : std::pair(outer.first, inner.first - 1)];
      sum += seconds;
      ++count;
    }
  };
  add_differences(true);
  add_differences(false);
  for (const SegmentCost& segment : measured) differences[{segment.first, segment.last}] = {segment.seconds, 1};
  std::vector<SegmentCost> runs;
  for (const auto& [range, sum] : differences) runs.push_back({range.first, range.second, sum.first / sum.second});
  std::stable_sort(runs.begin(), runs.end(),
                   [](const SegmentCost& a, const SegmentCost& b) { return a.last - a.first < b.last - b.first; });
  return runs;
}

// Shares the seconds of a run among those of its nodes that are not `filled` yet.
void share_out(const SegmentCost& run, std::vector<Figure>& row, std::vector<bool>& filled) {
  double rest = run.seconds, open = 0, all = 0;
  for (auto i = static_cast<std::size_t>(run.first); i <= static_cast<std::size_t>(run.last); ++i) {
    all += row[i].value;
    if (filled[i]) rest -= row[i].value;
    else open += row[i].value;
  }
  if (!(open > 0)) return;
  const double factor = rest > 0 ? rest / open : run.seconds / all;
  for (auto i = static_cast<std::size_t>(run.first); i <= static_cast<std::size_t>(run.last); ++i) {
    if (filled[i]) continue;
    row[i].value *= factor;
    filled[i] = true;
  }
}

std::vector<Figure> seconds_of(const std::vector<Cost>& costs, const Device& device, const Measurements& known) {
  std::vector<Figure> row;
  for (const Cost& cost : costs) {
    const double seconds = estimated_seconds(cost, device);
    row.push_back({seconds, seconds > 0});
  }
  std::vector<bool> filled(row.size());
  const auto measure = [&](std::size_t i, double seconds) {
    row[i] = {seconds, false};
    filled[i] = true;
  };
  for (const SegmentCost& segment : known.segments)
    if (segment.first == segment.last) measure(static_cast<std::size_t>(segment.first), segment.seconds);
  for (const auto& [node, seconds] : known.nodes) measure(node, seconds);
  for (const SegmentCost& run : known_runs(known.segments)) share_out(run, row, filled);
  return row;
}

bool equal_segments(const std::vector<SegmentCost>& a, const std::vector<SegmentCost>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const SegmentCost& x, const SegmentCost& y) {
    return std::tuple(x.first, x.last, x.seconds) == std::tuple(y.first, y.last, y.seconds);
  });
}

bool equal_shares(const std::vector<ShareCost>& a, const std::vector<ShareCost>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const ShareCost& x, const ShareCost& y) {
    return std::tie(x.split, x.ways, x.to, x.seconds) == std::tie(y.split, y.ways, y.to, y.seconds);
  });
}

}  // namespace

double estimated_seconds(const Cost& cost, const Device& device) {
  const double products =
      2 * seconds_for(cost.mult_adds, device.real_flops.value) + seconds_for(cost.binary_ops, device.binary_ops.value);
  return std::max(products, seconds_for(cost.bytes, device.bytes_per_s.value));
}

CostTable cost_table(const Graph& graph, const Swarm& swarm, std::span<const Profile> profiles, std::int64_t batch) {
  const std::vector<Measurements> known = look_up(graph, profiles);
  const std::vector<Cost> costs = costs_of(graph, batch);
  CostTable table;
  table.batch = batch;
  std::map<std::tuple<int, double, double, double>, int> made;  // profile and speeds -> row
  for (const Device& device : swarm.devices) {
    const int profile = profile_of(device, profiles, batch);
    const auto [row, fresh] = made.emplace(
        std::tuple(profile, device.real_flops.value, device.binary_ops.value, device.bytes_per_s.value), -1);
    if (fresh) {
      const Measurements nothing;
      const Measurements& own = profile < 0 ? nothing : known[static_cast<std::size_t>(profile)];
      const std::vector<Figure> seconds = seconds_of(costs, device, own);
      std::size_t same = 0;
      while (same < table.seconds.size() &&
             !(table.seconds[same] == seconds && equal_segments(table.segments[same], own.segments) &&
               equal_shares(table.shares[same], own.shares)))
        ++same;
      row->second = static_cast<int>(same);
      if (same == table.seconds.size()) {
        table.seconds.push_back(seconds);
        table.segments.push_back(own.segments);
        table.shares.push_back(own.shares);
      }
    }
    table.row_of.push_back(row->second);
  }
  return table;
}

SumError largest_sum_error(const CostTable& table) {
  SumError worst;
  for (std::size_t row = 0; row < table.segments.size(); ++row) {
    std::vector<double> done = {0};
    for (const Figure& figure : table.seconds[row]) done.push_back(done.back() + figure.value);
    for (const SegmentCost& segment : table.segments[row]) {
      const double sum =
          done[static_cast<std::size_t>(segment.last) + 1] - done[static_cast<std::size_t>(segment.first)];
      const double share = std::abs(sum - segment.seconds) / segment.seconds;
      if (worst.row < 0 || share > worst.share) worst = {share, static_cast<int>(row), segment};
    }
  }
  return worst;
}

}  // namespace cleave
