// Plan: who runs what, and what that is predicted to cost.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graphs/build.h"
#include "partitioner/cost.h"
#include "partitioner/solve.h"
#include "partitioner/split.h"

namespace cleave {

// What one device does. Stages name the work they do by positions (partitioner/cuts.h) of the graph and request they
// were planned for; `nodes` is filled by `name_nodes`.
struct PlanStage {
  int device = -1;  // of the swarm
  int share = -1;   // of a split head; -1 = the stage runs after the one before it
  int from = 0, to = 0;
  std::vector<NodeId> nodes;  // of the (split) graph, ascending
  Figure compute_s;           // of one frame
  std::int64_t work = 0;      // multiply-adds of one frame, binary products included
  std::int64_t memory_bytes = 0, memory_limit_bytes = 0;
  double joules = 0;  // of one frame, its computing

  bool operator==(const PlanStage&) const = default;
};

// What travels between two stages.
struct PlanCut {
  int from = 0, to = 0;         // stages; from = -1: the input, from the device that holds the data
  std::vector<NodeId> tensors;  // of the (split) graph
  std::int64_t bytes = 0;       // on the wire, of one frame, headers included
  Figure seconds;
  double latency_s = 0;  // of these

  bool operator==(const PlanCut&) const = default;
};

struct Plan {
  std::string cut;                 // where it is cut, as the table names it: "g1", "g1 + g2"; "-" = in one piece
  std::optional<SplitSpec> split;  // `to` is a node of the graph before the split
  std::vector<PlanStage> stages;   // shares first
  std::vector<PlanCut> cuts;       // in the order of the stages they lead to
  Score score;
  double frames_per_joule = 0;     // N of gacoin.md: if every card's battery held one joule
  std::optional<double> accuracy;  // as stated for this cut and these ways; nothing = unknown
  bool accuracy_kept = true;       // false: the split changes the function
  std::string misfit;              // why it may not be chosen: "latency 160 ms over the limit of 150 ms"; "" = it may
  double value = 0;                // of the objective
  double bound = 0;                // no plan has a better value
  bool optimal = false;            // proven
  bool is_feasible() const { return misfit.empty(); }
  bool operator==(const Plan&) const = default;
};

// Where the planner may cut and split, and what it must keep to.
struct PlanRequest {
  const ObjectiveDef* objective = nullptr;
  const CostModelDef* model = nullptr;
  std::vector<NodeId> cut_after;        // ascending; empty = every edge that is not inside a layer
  std::map<NodeId, std::string> names;  // of cuts, where they are not the node's own
  std::vector<SplitSpec> splits;        // tried beside no split at all
  std::map<NodeId, int> pins;           // node -> device
  double memory_share = 1;              // of each device's memory less its reserve
  double latency_limit_s = kInfinity;
  double period_s = 0;                                         // a fixed rate; 0 = as fast as it goes
  std::map<std::pair<NodeId, std::int64_t>, double> accuracy;  // (cut, ways) -> measured
  bool refuse_estimates = false;                               // a plan may only have stages that were measured
  bool one_joule = false;                                      // no battery was stated: every card is given one joule
  std::int64_t batch = 1, in_flight = 4;
  double time_limit_s = 10;
  const std::atomic<bool>* stop = nullptr;
};

// Returns what the `placement` and `inference` of a checked model ask for. `swarm` is whom `pin` names; an
// empty one leaves the pins out.
PlanRequest read_request(const Model& model, const Swarm& swarm);

// Every candidate and the one chosen.
struct PlanTable {
  std::vector<Plan> rows;  // one device; each cut in two; each split; the best of three, four … stages
  int chosen = -1;         // row; -1 = nothing fits, and `reason` says why
  std::string reason;
  int candidates = 0, feasible = 0;
  bool every_cut = true;  // false: too many down-sets, only cuts along the file's order were looked at

  const Plan& plan() const { return rows[static_cast<std::size_t>(chosen)]; }
};

// Costs every candidate and finds the best plan. Throws UserError for a request that cannot be meant: more cuts than
// kMaxPositions, a split where the graph cannot be split.
PlanTable partition(const Graph& graph, const Swarm& swarm, const CostTable& costs, const PlanRequest& request);

// The graph the plan's stages are stages of: `graph` itself, or split.
Graph graph_of_plan(const Graph& graph, const Plan& plan);

}  // namespace cleave
