// From the solvers' numbers to a Plan with names and figures.
#pragma once

#include <string>
#include <vector>

#include "partitioner/make_problem.h"

namespace cleave {

// What a plan is made of before it has names.
struct PlanParts {
  const SplitFigures* figures = nullptr;  // of a split head; null = none
  std::vector<int> shares;                // the devices of its shares
  Stages stages;                          // of `sub.problem`, behind the head
  Score score;
  std::vector<int> devices;  // of the stages; empty = the first free ones of each kind
};

// Returns the plan with its figures. `sub` is what stands behind position 0, or behind the split head.
Plan plan_of(const Setting& setting, const Numbers& numbers, const Subproblem& sub, const PlanParts& found);

// Returns where a plan is cut, as the table names it: "g1 + g2"; "-" = in one piece.
std::string cut_name(const Numbers& numbers, const Plan& plan);

// Calls the positions as placement.cuts.after does.
void name_positions(const Setting& setting, Numbers& numbers);

}  // namespace cleave
