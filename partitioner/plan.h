// Plan: who runs what, and what that is predicted to cost.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "partitioner/cost.h"
#include "partitioner/solve.h"
#include "partitioner/split.h"

namespace cleave {

// The nodes one device runs.
struct PlanStage {
  int device = -1;             // of the swarm
  int share = -1;              // of a split head; -1 = the stage runs after the one before it
  std::vector<NodeId> nodes;   // of the (split) graph, ascending
  Figure compute_s;            // of one frame
  std::int64_t mult_adds = 0;  // of one frame, binary products included
  std::int64_t memory_bytes = 0, memory_limit_bytes = 0;
  double joules = 0;  // of one frame, its compute
};

// What travels between two stages.
struct PlanCut {
  int from = 0, to = 0;         // stages; from = -1: the input, from the device that holds the data
  std::string name;             // of the cut: the layer behind which it is; "input" for the input's way to the first
  std::vector<NodeId> tensors;  // of the (split) graph
  std::int64_t bytes = 0;       // on the wire, of one frame, headers included
  Figure seconds;
};

struct Plan {
  std::optional<SplitSpec> split;  // `to` is a node of the graph before the split
  std::vector<PlanStage> stages;   // shares first
  std::vector<PlanCut> cuts;
  Score score;
  bool estimate = false;           // some time or link is one
  std::optional<double> accuracy;  // stated for this cut and these ways
  bool accuracy_kept = true;       // false: the split changes the function
  double value = 0, bound = 0;     // of the objective
  bool optimal = false;
};

// Where the planner may cut and split, and what it must keep to.
struct PlanRequest {
  const ObjectiveDef* objective = nullptr;
  const CostModelDef* model = nullptr;
  std::vector<NodeId> cut_after;  // empty = every edge
  std::vector<SplitSpec> splits;  // tried beside no split at all
  std::map<NodeId, int> pins;     // node -> device
  double memory_share = 1;        // of each device's memory less its reserve
  double latency_limit_s = kInfinity;
  double period_s = 0;                                         // a fixed rate; 0 = as fast as it goes
  std::map<std::pair<NodeId, std::int64_t>, double> accuracy;  // (cut, ways) -> measured
  std::int64_t batch = 1, in_flight = 4;
  double time_limit_s = 10;
  const std::atomic<bool>* stop = nullptr;
};

}  // namespace cleave
