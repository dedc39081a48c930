#include "engine/runtime/wiring.h"

#include <algorithm>

namespace cleave {

namespace {

// Some 3 µs of a slow kernel; a task costs a tenth of that.
constexpr double kWorthATask = 20'000;  // operations

// Marks the branches of node `from` that another thread could take: consumers that wait for nothing else and have
// enough to do, all but one of them.
void spawn_branches(const Graph& graph, std::int64_t batch, std::size_t from, Wiring& wiring) {
  bool kept_one = false;
  for (const std::int32_t consumer : wiring.consumers[from]) {
    const auto c = static_cast<std::size_t>(consumer);
    if (c == graph.nodes.size() || wiring.edges_in[c] != 1) continue;
    const Cost& cost = graph.nodes[c].cost;
    const double operations = static_cast<double>(cost.mult_adds) + static_cast<double>(cost.binary_ops) / 32;
    const bool worth_it = static_cast<double>(batch) * operations >= kWorthATask;
    if (worth_it && kept_one) wiring.spawned[c] = true;
    kept_one = kept_one || worth_it;
  }
}

// Spawns every node that would otherwise nest too deep. A node may be run by any of its producers, so the longest way
// to it counts.
void bound_nesting(Wiring& wiring) {
  std::vector<std::int32_t> nesting(wiring.edges_in.size(), 0);
  for (std::size_t i = 0; i < wiring.edges_in.size(); ++i) {
    if (nesting[i] >= kLongestInline) wiring.spawned[i] = true;
    if (wiring.spawned[i]) nesting[i] = 0;
    if (i == wiring.consumers.size()) break;
    for (const std::int32_t consumer : wiring.consumers[i]) {
      std::int32_t& deepest = nesting[static_cast<std::size_t>(consumer)];
      deepest = std::max(deepest, nesting[i] + 1);
    }
  }
}

// Gives every node that nobody waits for the end of the trip to tell.
void add_end(Wiring& wiring) {
  const std::size_t nodes = wiring.consumers.size();
  for (std::vector<std::int32_t>& consumers : wiring.consumers) {
    if (!consumers.empty()) continue;
    consumers.push_back(static_cast<std::int32_t>(nodes));
    ++wiring.edges_in[nodes];
  }
}

Wiring no_wiring(const Graph& graph) {
  const std::size_t nodes = graph.nodes.size();
  return {std::vector<std::int32_t>(nodes + 1, 0),
          std::vector<std::vector<std::int32_t>>(nodes),
          std::vector<bool>(nodes + 1, false),
          {}};
}

}  // namespace

Wiring make_serial_wiring(const Graph& graph) {
  Wiring wiring = no_wiring(graph);
  wiring.inputs = {0};
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    wiring.edges_in[i] = 1;
    if (i > 0) wiring.consumers[i - 1].push_back(static_cast<std::int32_t>(i));
  }
  add_end(wiring);
  bound_nesting(wiring);
  return wiring;
}

Wiring make_wiring(const Graph& graph, std::int64_t batch, int threads) {
  const std::size_t nodes = graph.nodes.size();
  Wiring wiring = no_wiring(graph);
  for (std::size_t i = 0; i < nodes; ++i) {
    if (graph.nodes[i].inputs.empty()) {
      wiring.inputs.push_back(static_cast<std::int32_t>(i));
      wiring.edges_in[i] = 1;  // the source
    }
    for (const NodeId input : graph.nodes[i].inputs) {
      wiring.consumers[index_of(input)].push_back(static_cast<std::int32_t>(i));
      ++wiring.edges_in[i];
    }
  }
  add_end(wiring);
  if (threads > 1)
    for (std::size_t i = 0; i < nodes; ++i) spawn_branches(graph, batch, i, wiring);
  bound_nesting(wiring);
  for (std::vector<std::int32_t>& consumers : wiring.consumers)
    std::stable_partition(consumers.begin(), consumers.end(),
                          [&](std::int32_t c) { return wiring.spawned[static_cast<std::size_t>(c)]; });
  return wiring;
}

}  // namespace cleave
