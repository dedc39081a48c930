// The slow twin of the planner's solvers: tries every plan there is.
#pragma once

#include <functional>

#include "partitioner/solve.h"

namespace cleave {

// Calls `visit` with every plan that is possible and keeps to the goal's limits on stages and latency: every run of
// stages from nothing to everything, with every choice of devices. Devices of one kind count as different, so a plan
// comes as often as there are ways to name its devices.
void for_each_plan(const Problem& problem, const Goal& goal,
                   const std::function<void(const Stages& stages, const Score& score)>& visit);

// The best of them: by value, then by the number of stages, then by latency. No stages: there is none.
struct ExhaustiveBest {
  Stages stages;
  Score score;
  double value = 0;
};

// The best plan for each row of objective_catalog(), in its order, from one enumeration. For balance, a plan on one
// device counts only where no plan on several is possible.
std::vector<ExhaustiveBest> exhaustive(const Problem& problem, const Goal& goal);
ExhaustiveBest exhaustive(const Problem& problem, const Goal& goal, const ObjectiveDef& objective);

}  // namespace cleave
