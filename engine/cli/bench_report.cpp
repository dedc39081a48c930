#include "engine/cli/bench_report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/cli/table.h"
#include "graphs/graph_text.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

std::string ms(double seconds) { return fmt::format("{:.4g}", 1e3 * seconds); }
std::string per_s(double seconds) { return fmt::format("{:.4g}", 1 / seconds); }

// A row for each kind of time; what was never measured has none.
Table time_table(const BenchReport& report) {
  Table table{{"", "p50", "p90", "p99", "spread %", "of"}, {}};
  const auto add = [&](const char* what, const Percentiles& p, std::string (*text)(double), const char* counted) {
    if (p.count == 0) return;
    table.rows.push_back({what, text(p.p50), text(p.p90), text(p.p99), fmt::format("{:.1f}", 100 * p.spread),
                          fmt::format("{} {}", with_blanks(p.count), counted)});
  };
  add("latency, ms", report.result.latency, ms, "frames");
  add("samples/s", report.result.per_sample, per_s, "slices");
  return table;
}

Table node_table(const BenchReport& report) {
  Table table{{"node", "op", "ms", "share %", "mult-adds/s"}, {}};
  for (const NodeTime& node : report.result.nodes)
    table.rows.push_back({node.name, node.op, fmt::format("{:.4f}", 1e3 * node.seconds), percent(node.share),
                          node.mult_adds_per_s > 0 ? in_short(node.mult_adds_per_s) : "-"});
  return table;
}

std::string csv_of(const BenchReport& report) {
  Table table{{"what", "p50_s", "p90_s", "p99_s", "spread", "count"}, {}};
  const auto add = [&](const std::string& what, const Percentiles& p) {
    if (p.count > 0)
      table.rows.push_back({what, fmt::format("{}", p.p50), fmt::format("{}", p.p90), fmt::format("{}", p.p99),
                            fmt::format("{}", p.spread), fmt::format("{}", p.count)});
  };
  add("latency", report.result.latency);
  add("per_sample", report.result.per_sample);
  for (const NodeTime& node : report.result.nodes)
    table.rows.push_back({"node " + node.name, fmt::format("{}", node.seconds), "", "", "", ""});
  return to_text(table, "csv");
}

std::string footnote(const BenchReport& report) {
  const BenchResult& result = report.result;
  std::string text = fmt::format("\n{}: {} sample{} a frame, {} thread{}, {} in flight at full load, weights: {}\n",
                                 report.model, report.batch, report.batch == 1 ? "" : "s", report.threads,
                                 report.threads == 1 ? "" : "s", report.in_flight, report.weights);
  text += "samples/s: p90 is what 90 of 100 slices of the run reached\n";
  if (result.per_sample.count > 0)
    text += fmt::format("memory: {} activations, {} weights; the whole process at most {}\n",
                        bytes_in_short(result.activation_bytes), bytes_in_short(result.weight_bytes),
                        bytes_in_short(result.peak_bytes));
  if (result.joules_per_frame >= 0)
    text += fmt::format("{:.4g} J a frame (all of the processor, RAPL)\n", result.joules_per_frame);
  else if (!result.no_joules.empty()) text += fmt::format("no joules: {}\n", result.no_joules);
  return text;
}

Json json_of(const Percentiles& p) {
  if (p.count == 0) return {};
  return {{"p50_s", p.p50}, {"p90_s", p.p90}, {"p99_s", p.p99}, {"spread", p.spread}, {"count", p.count}};
}

}  // namespace

std::string to_json(const BenchReport& report, const std::vector<BenchChange>& changes) {
  const BenchResult& result = report.result;
  Json host = Json::object(), nodes = Json::array(), compared = Json::array();
  for (const auto& [fact, text] : report.host) host[fact] = text;
  for (const NodeTime& node : result.nodes)
    nodes.push_back({{"node", node.name},
                     {"op", node.op},
                     {"seconds", node.seconds},
                     {"share", node.share},
                     {"mult_adds_per_s", node.mult_adds_per_s}});
  for (const BenchChange& change : changes)
    compared.push_back({{"what", change.what},
                        {"then_s", change.then_s},
                        {"now_s", change.now_s},
                        {"allowed", change.allowed},
                        {"slower", change.is_slower()}});
  Json json = {{"bench", 1},
               {"model", report.model},
               {"graph", report.graph},
               {"weights", report.weights},
               {"batch", report.batch},
               {"threads", report.threads},
               {"in_flight", report.in_flight},
               {"complete", !result.stopped},
               {"latency", json_of(result.latency)},
               {"per_sample", json_of(result.per_sample)},
               {"activation_bytes", result.activation_bytes},
               {"weight_bytes", result.weight_bytes},
               {"peak_bytes", result.peak_bytes},
               {"joules_per_frame", result.joules_per_frame < 0 ? Json() : Json(result.joules_per_frame)},
               {"host", host}};
  if (!nodes.empty()) json["nodes"] = nodes;
  if (!compared.empty()) json["compared"] = compared;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string to_text(const BenchReport& report, const std::string& format) {
  if (format == "json") return to_json(report);
  if (format == "csv") return csv_of(report);
  std::string text = to_text(time_table(report), format);
  if (!report.result.nodes.empty()) text += "\n" + to_text(node_table(report), format);
  return text + footnote(report);
}

}  // namespace cleave
