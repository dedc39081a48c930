// What the commands that plan have in common: model, swarm, costs and request from a file and its options.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/cli/command.h"
#include "partitioner/make_problem.h"

namespace cleave {

struct PlanningOptions {
  std::string file;
  int devices = 0;                    // copies of `preset` instead of the model's devices; 0 = the model's
  std::string preset;                 // "" = the model's own, where all its devices have the same
  std::vector<std::string> profiles;  // beside placement.costs.from
  std::string objective, cost_model;  // "" = the model's, the default
  double time_limit_s = 10;
};

// Adds the options to a command; they are filled when it runs. The second adds --devices and --preset alone.
void add_planning_options(CLI::App& app, PlanningOptions& options);
void add_device_options(CLI::App& app, PlanningOptions& options);

// The devices to plan for: the model's, or copies of a preset. Throws as prepare_planning.
Swarm swarm_for(const PlanningOptions& options, const Model& model);

// Everything a plan is made from. Not to be moved: `setting` refers to the rest.
struct PlanningJob {
  Model model;
  bool obeys_map = true;  // false: other devices or another objective were asked for than the model states
  Swarm swarm;
  std::vector<Profile> profiles;
  CostTable costs;
  PlanRequest request;

  Setting setting() const { return {model.graph, swarm, costs, request}; }
};

// Reads and checks. Throws UserError (ModelError for mistakes in files) with what is wrong; Ctrl-C ends a search early
// with the best plan so far.
std::unique_ptr<PlanningJob> prepare_planning(const PlanningOptions& options, const CommonOptions& common);

// Returns the table with the plan chosen: what `mode: manual` states, else the best. Its nodes are named.
PlanTable planned(const PlanningJob& job);
// Throws UserError (ExitCode::no_placement) with the reason when nothing was chosen.
void refuse_no_plan(const PlanTable& table, const std::string& file);

}  // namespace cleave
