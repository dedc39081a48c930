// How long does the cost table of a thousand layers over four types of devices take, the plan and the text included?
// CPU seconds of one core; the fastest of some rounds counts.
#include <ctime>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/bench.h"
#include "ops/core/catalog.h"
#include "partitioner/table.h"
#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

constexpr int kLayers = 1000;
constexpr double kGoalMs = 50;
constexpr int kRounds = 7;

Graph chain_of(int layers) {
  ModuleNote module;
  for (int i = 0; i < layers; ++i) module.body.push_back({"dense", 32 + i % 64});
  return layer_graph({64}, {module});
}

Swarm four_types() {
  Swarm swarm;
  for (const char* preset : {"raspberry-pi-3b", "raspberry-pi-4b-4gb", "raspberry-pi-5-8gb", "jetson-nano-4gb"}) {
    swarm.devices.push_back(swarm_of(1, preset, DocNode{}).devices.front());
    swarm.devices.back().name = preset;
  }
  const Link link{{100e6, false}, {1e-4, false}, false};
  swarm.links.assign(swarm.devices.size(), std::vector<Link>(swarm.devices.size(), link));
  return swarm;
}

void table_speed() {
  const Graph graph = chain_of(kLayers);
  const Swarm swarm = four_types();
  PlanRequest request;
  request.objective = find(objective_catalog(), "throughput");
  request.model = &cost_model_catalog().front();
  double best_ms = kInfinity;
  std::size_t rows = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::clock_t start = std::clock();
    const CostTable costs = cost_table(graph, swarm, {}, 1);
    const Setting setting{graph, swarm, costs, request};
    PlanTable table = partition(graph, swarm, costs, request);
    name_nodes(setting, table.rows[static_cast<std::size_t>(table.chosen)]);
    rows = table.rows.size();
    if (plan_text(setting, table, {}).empty()) fmt::print("no text\n");
    best_ms = std::min(best_ms, 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  print_goal(fmt::format("cost table and plan, {} layers x 4 device types, {} rows:", kLayers, rows), best_ms, "ms",
             kGoalMs);
}

}  // namespace
}  // namespace cleave

int main() { cleave::table_speed(); }
