#include "engine/cli/sparsity_report.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/cli/table.h"
#include "graphs/graph_text.h"
#include "graphs/sparse_array.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;
using Grid = WeightType::Grid;

template <class Value>
void add_once(std::vector<Value>& values, const Value& value) {
  if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

// What is the same for all parts of a row: "0.01"; "several" where it is not, "-" where there is none.
template <class Value>
std::string one_of(const std::vector<Value>& values) {
  if (values.size() > 1) return "several";
  if constexpr (std::is_same_v<Value, double>) return values.empty() ? "-" : fmt::format("{:.4g}", values.front());
  else return values.empty() ? "-" : values.front();
}

bool is_packed(const Node& node, const WeightSlot& slot) {
  return slot.role == Role::kernel && node.weight_type.is_binary();
}

void add_array(SparsityRow& row, const Graph& graph, const ArraySparsity& array) {
  const Node& node = graph.node(array.node);
  const WeightSlot& slot = node.weights[array.array];
  row.weights += array.count;
  row.zeros += array.zeros;
  row.on += array.on();
  row.sum_abs += array.sum_abs;
  const std::int64_t dense = is_packed(node, slot) ? (array.count + 7) / 8 : 4 * array.count;
  const bool pays = slot.role == Role::kernel && !is_packed(node, slot) && pays_sparse(array.count, array.on());
  row.dense_bytes += dense;
  row.sparse_bytes += pays ? sparse_bytes(array.count, array.on()) : dense;
  if (array.tau) add_once(row.taus, *array.tau);
  if (slot.role != Role::kernel && node.weights.front().role == Role::kernel) return;
  add_once(row.priors, array.prior);
  add_once(row.thresholds, array.threshold);
}

SparsityRow row_of(const std::string& name, const Graph& graph, const std::vector<ArraySparsity>& arrays) {
  SparsityRow row;
  row.name = name;
  for (const ArraySparsity& array : arrays) add_array(row, graph, array);
  row.penalty = penalty_of(graph, arrays);
  return row;
}

// Those of `arrays` that `wanted` holds of.
template <class Wanted>
std::vector<ArraySparsity> only(const std::vector<ArraySparsity>& arrays, Wanted wanted) {
  std::vector<ArraySparsity> some;
  std::copy_if(arrays.begin(), arrays.end(), std::back_inserter(some), wanted);
  return some;
}

Histogram histogram_of(const std::string& layer, const std::vector<float>& values, double threshold, int bins) {
  Histogram h{layer, 0, {}, std::vector<std::int64_t>(static_cast<std::size_t>(bins))};
  for (const float w : values) {
    if (is_off(w, threshold)) continue;
    h.on_values.push_back(w);
    h.high = std::max(h.high, std::abs(static_cast<double>(w)));
  }
  for (const float w : h.on_values) {
    const double place = (w + h.high) / (2 * h.high) * bins;
    ++h.bars[static_cast<std::size_t>(std::clamp(static_cast<int>(place), 0, bins - 1))];
  }
  return h;
}

Json json_of(const SparsityRow& row) {
  return {{"name", row.name},
          {"priors", row.priors},
          {"thresholds", row.thresholds},
          {"taus", row.taus},
          {"weights", row.weights},
          {"zeros", row.zeros},
          {"l0", row.on},
          {"l1", row.sum_abs},
          {"penalty_nats", row.penalty ? Json(*row.penalty) : Json()},
          {"dense_bytes", row.dense_bytes},
          {"sparse_bytes", row.sparse_bytes}};
}

std::string json_text(const SparsityReport& report) {
  Json json = {{"network", json_of(report.network)}, {"modules", Json::array()}, {"layers", Json::array()}};
  for (const SparsityRow& row : report.modules) json["modules"].push_back(json_of(row));
  for (std::size_t i = 0; i < report.layers.size(); ++i) json["layers"].push_back(json_of(report.layers[i]));
  json["histograms"] = Json::array();
  for (const Histogram& h : report.histograms)
    json["histograms"].push_back({{"layer", h.layer}, {"low", -h.high}, {"high", h.high}, {"counts", h.bars}});
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<std::string> cells_of(const SparsityRow& row) {
  const double off = row.weights == 0 ? 0 : 1 - static_cast<double>(row.on) / static_cast<double>(row.weights);
  return {row.name,
          one_of(row.priors),
          one_of(row.thresholds),
          one_of(row.taus),
          with_blanks(row.weights),
          with_blanks(row.zeros),
          percent(off),
          with_blanks(row.on),
          fmt::format("{:.1f}", row.sum_abs),
          row.penalty ? fmt::format("{:.0f}", *row.penalty) : "-",
          with_blanks(row.dense_bytes),
          with_blanks(row.sparse_bytes)};
}

// A bar of up to 40 signs; the square root of the share, so that small bars are seen.
std::string bars_of(const Histogram& h) {
  std::string text = fmt::format("\n{}: {} weights on, from {:.4g} to {:.4g}\n", h.layer,
                                 with_blanks(static_cast<std::int64_t>(h.on_values.size())), -h.high, h.high);
  const auto most = static_cast<double>(std::max<std::int64_t>(1, *std::max_element(h.bars.begin(), h.bars.end())));
  const auto bins = static_cast<double>(h.bars.size());
  for (std::size_t i = 0; i < h.bars.size(); ++i) {
    const double middle = (2 * (static_cast<double>(i) + 0.5) / bins - 1) * h.high;
    const auto length = static_cast<std::size_t>(std::lround(40 * std::sqrt(static_cast<double>(h.bars[i]) / most)));
    text += fmt::format("{:>10.4g} {:<40} {}\n", middle, std::string(length, '#'), h.bars[i]);
  }
  return text;
}

}  // namespace

SparsityReport report_sparsity(const Graph& graph, const Weights& weights, const SparsityOptions& options, int bins) {
  const std::vector<ArraySparsity> arrays = measure_sparsity(graph, weights, options);
  SparsityReport report;
  report.network = row_of("network", graph, arrays);
  for (std::size_t m = 0; m < graph.modules.size(); ++m)
    report.modules.push_back(row_of(graph.modules[m].name, graph, only(arrays, [&](const ArraySparsity& array) {
                                      return index_of(graph.node(array.node).module) == m;
                                    })));
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    const auto own = only(arrays, [&](const ArraySparsity& array) { return index_of(array.node) == n; });
    if (own.empty()) continue;
    report.layers.push_back(row_of(graph.nodes[n].name, graph, own));
    if (graph.nodes[n].weight_type.grid == Grid::real && graph.nodes[n].weights.front().role == Role::kernel)
      report.histograms.push_back(
          histogram_of(graph.nodes[n].name, weights[n].arrays.front(), own.front().threshold, bins));
  }
  return report;
}

std::string to_text(const SparsityReport& report, const Graph& graph, const std::string& format) {
  if (format == "json") return json_text(report);
  Table table{
      {"layer", "prior", "spike", "τ", "weights", "zeros", "off %", "l0", "l1", "penalty", "dense B", "sparse B"}, {}};
  for (const SparsityRow& row : report.layers) table.rows.push_back(cells_of(row));
  if (graph.modules.size() > 1)
    for (const SparsityRow& row : report.modules) table.rows.push_back(cells_of(row));
  table.rows.push_back(cells_of(report.network));
  std::string text = to_text(table, format);
  if (format != "text") return text;
  text +=
      "\noff: |w| ≤ spike. l0: weights that are on. l1: Σ|w| of all. penalty (nats), as in the regret bound for\n"
      "XNOR-Nets: 4 Σ l0 log(1 + l1 / (τ l0)) over real weights and scales that are on, + log 2 a binary weight;\n"
      "the network's has all real weights as one vector. dense, sparse: bytes in a weights file with what is off as "
      "zeros\n";
  const std::int64_t saved = report.network.dense_bytes - report.network.sparse_bytes;
  text += fmt::format("stored sparse: {} instead of {} ({} % less)\n", bytes_in_short(report.network.sparse_bytes),
                      bytes_in_short(report.network.dense_bytes),
                      percent(static_cast<double>(saved) / static_cast<double>(report.network.dense_bytes)));
  if (!report.network.penalty) text += "no penalty where the prior has no scale: state --tau\n";
  for (const Histogram& h : report.histograms)
    if (h.high > 0) text += bars_of(h);
  return text;
}

}  // namespace cleave
