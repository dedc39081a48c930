#include "engine/cli/profile_report.h"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/cli/table.h"
#include "graphs/graph_text.h"
#include "partitioner/cost.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMark = "# written by `cleave profile`";

// Work a second, in the unit of whatever the layer does most of.
struct Rate {
  double value = 0;
  const char* unit = "";
};

Rate rate_of(const Graph& graph, const LayerTime& layer, std::int64_t batch) {
  Cost cost;
  for (const NodeId id : layer.nodes) {
    const Node& node = graph.node(id);
    cost += node.op->cost(node.params, input_types(graph, node), node.type, node.weight_type, batch);
  }
  const auto per_ns = [&](std::int64_t work) { return static_cast<double>(work) / layer.measured.seconds / 1e9; };
  if (cost.binary_ops > cost.mult_adds) return {per_ns(cost.binary_ops), "Gop/s"};
  if (cost.mult_adds > 0) return {per_ns(2 * cost.mult_adds), "GFLOP/s"};
  return {per_ns(cost.bytes), "GB/s"};
}

std::string op_of(const Graph& graph, const LayerTime& layer) {
  std::string text;
  for (const NodeId id : layer.nodes) text += fmt::format("{}{}", text.empty() ? "" : " + ", graph.node(id).op->name);
  return text;
}

double total_of(const Measurement& measurement) {
  double total = 0;
  for (const LayerTime& layer : measurement.layers) total += layer.measured.seconds;
  return total;
}

// The nodes' seconds as the planner takes them; those nobody measured are estimates of no device in particular.
CostTable costs_of(const ProfileReport& report) {
  Device device;
  device.name = report.profile.device;
  device.real_flops = device.binary_ops = device.bytes_per_s = {1e9, true};
  Swarm swarm;
  swarm.devices = {device};
  return cost_table(*report.graph, swarm, {&report.profile, 1}, report.profile.batch);
}

double sum_of(const CostTable& costs, const SegmentCost& segment) {
  double sum = 0;
  for (auto i = static_cast<std::size_t>(segment.first); i <= static_cast<std::size_t>(segment.last); ++i)
    sum += costs.seconds[0][i].value;
  return sum;
}

std::string or_word(const std::string& name, const char* word) { return name.empty() ? word : name; }

std::string ms(double seconds) { return fmt::format("{:.4f}", 1e3 * seconds); }

Table layer_table(const ProfileReport& report) {
  Table table{{"layer", "op", "ms", "spread %", "speed", "share %"}, {}};
  const double total = total_of(report.measurement);
  for (const LayerTime& layer : report.measurement.layers) {
    const Rate rate = rate_of(*report.graph, layer, report.profile.batch);
    table.rows.push_back({report.graph->node(layer.nodes.front()).name, op_of(*report.graph, layer),
                          ms(layer.measured.seconds), fmt::format("{:.1f}", 100 * layer.measured.spread),
                          fmt::format("{:.1f} {}", rate.value, rate.unit), percent(layer.measured.seconds / total)});
  }
  return table;
}

Table segment_table(const ProfileReport& report, const CostTable& costs) {
  Table table{{"behind", "up to", "ms", "spread %", "sum of nodes, ms", "off by %"}, {}};
  for (std::size_t i = 0; i < report.profile.segments.size(); ++i) {
    const SegmentProfile& segment = report.profile.segments[i];
    const double sum = sum_of(costs, costs.segments[0][i]);
    table.rows.push_back({or_word(segment.from, "input"), or_word(segment.to, "end"), ms(segment.measured.seconds),
                          fmt::format("{:.1f}", 100 * segment.measured.spread), ms(sum),
                          fmt::format("{:.1f}", 100 * std::abs(sum / segment.measured.seconds - 1))});
  }
  return table;
}

std::string csv_of(const ProfileReport& report) {
  Table table{{"kind", "from", "to", "op", "seconds", "spread", "memory_bytes", "rate", "unit"}, {}};
  const auto numbers = [](const Measured& m) {
    return std::vector<std::string>{fmt::format("{}", m.seconds), fmt::format("{}", m.spread),
                                    fmt::format("{}", m.memory_bytes)};
  };
  const auto add = [&](std::vector<std::string> row, const Measured& m, const std::string& rate, const char* unit) {
    for (const std::string& cell : numbers(m)) row.push_back(cell);
    row.push_back(rate);
    row.emplace_back(unit);
    table.rows.push_back(std::move(row));
  };
  for (const LayerTime& layer : report.measurement.layers) {
    const Rate rate = rate_of(*report.graph, layer, report.profile.batch);
    add({"layer", report.graph->node(layer.nodes.front()).name, report.graph->node(layer.nodes.back()).name,
         op_of(*report.graph, layer)},
        layer.measured, fmt::format("{}", rate.value), rate.unit);
  }
  for (const NodeProfile& node : report.profile.nodes) add({"node", node.node, node.node, ""}, node.measured, "", "");
  for (const SegmentProfile& segment : report.profile.segments)
    add({"segment", segment.from, segment.to, ""}, segment.measured, "", "");
  return to_text(table, "csv");
}

Json json_of(const Measured& measured) {
  return {{"seconds", measured.seconds}, {"spread", measured.spread}, {"memory_bytes", measured.memory_bytes}};
}

std::string json_text(const ProfileReport& report, const CostTable& costs) {
  const Profile& profile = report.profile;
  Json layers = Json::array(), nodes = Json::array(), segments = Json::array(), host = Json::object();
  for (const auto& [fact, text] : profile.host) host[fact] = text;
  for (const LayerTime& layer : report.measurement.layers) {
    Json row = {{"nodes", Json::array()}, {"op", op_of(*report.graph, layer)}};
    for (const NodeId id : layer.nodes) row["nodes"].push_back(report.graph->node(id).name);
    const Rate rate = rate_of(*report.graph, layer, profile.batch);
    row.update(json_of(layer.measured));
    row["rate"] = rate.value;
    row["unit"] = rate.unit;
    row["share"] = layer.measured.seconds / total_of(report.measurement);
    layers.push_back(row);
  }
  for (const NodeProfile& node : profile.nodes) {
    nodes.push_back({{"node", node.node}});
    nodes.back().update(json_of(node.measured));
  }
  for (std::size_t i = 0; i < profile.segments.size(); ++i) {
    segments.push_back({{"from", profile.segments[i].from}, {"to", profile.segments[i].to}});
    segments.back().update(json_of(profile.segments[i].measured));
    segments.back()["sum_of_nodes"] = sum_of(costs, costs.segments[0][i]);
  }
  const Json all = {{"model", profile.model},
                    {"graph", profile.graph_hash},
                    {"device", profile.device},
                    {"batch", profile.batch},
                    {"threads", report.threads},
                    {"repeats", report.repeats},
                    {"complete", !report.measurement.stopped},
                    {"file", report.file},
                    {"largest_sum_error", largest_sum_error(costs).share},
                    {"host", host},
                    {"layers", layers},
                    {"nodes", nodes},
                    {"segments", segments}};
  return all.dump(2) + "\n";
}

std::string footnote(const ProfileReport& report, const CostTable& costs) {
  const SumError error = largest_sum_error(costs);
  std::string text =
      fmt::format("\n{} for '{}', {} sample{} a frame, {} thread{}, median of {}\n", report.profile.model,
                  report.profile.device, report.profile.batch, report.profile.batch == 1 ? "" : "s", report.threads,
                  report.threads == 1 ? "" : "s", report.repeats);
  if (report.threads > 1)
    text += fmt::format("{} frames at once: a time is that between finished frames, not that of one\n", report.threads);
  if (error.row >= 0)
    text +=
        fmt::format("where the sum of nodes stands in for a segment, it is off by up to {:.1f} %\n", 100 * error.share);
  return text;
}

}  // namespace

std::string to_text(const ProfileReport& report, const std::string& format) {
  if (format == "csv") return csv_of(report);
  const CostTable costs = costs_of(report);
  if (format == "json") return json_text(report, costs);
  return to_text(layer_table(report), format) + "\n" + to_text(segment_table(report, costs), format) +
         footnote(report, costs);
}

std::string profile_file(const ProfileReport& report, const std::vector<Profile>& others) {
  std::vector<Profile> all = {report.profile};
  all.insert(all.end(), others.begin(), others.end());
  return fmt::format(
             "{}; times are the median of {} repeats.\n"
             "# A node that inference computes as one with others has its share of that layer's time.\n",
             kMark, report.repeats) +
         to_yaml(all);
}

bool is_profile_file(const std::string& text) { return text.starts_with(kMark); }

}  // namespace cleave
