// A plan by names, for `placement.map`.
#pragma once

#include <string>
#include <vector>

#include "partitioner/make_problem.h"
#include "partitioner/placed.h"

namespace cleave {

// Who runs what, by node of the graph before a split.
struct StatedPlan {
  std::vector<std::string> stages;    // their devices in running order: "a+b" for a split head, "c"
  std::vector<std::size_t> stage_of;  // [node]
};
StatedPlan stated_plan(const Setting& setting, const Plan& plan);

// Returns the fewest names found that state the plan, in the order of its stages: all modules, layers that are in one
// stage, else nodes.
PlacedNames names_of(const Graph& graph, const StatedPlan& plan);

// True when the map states the plan.
bool states(const Graph& graph, const PlacedNames& map, const StatedPlan& plan);

}  // namespace cleave
