// A model with all that a plan is made from.
#pragma once

#include <string>
#include <utility>

#include "partitioner/make_problem.h"
#include "tests/support/models.h"

namespace cleave {

// Not to be moved: `setting` refers to the rest. A model without devices gets three of a preset.
struct Planned {
  Model model;
  Swarm swarm;
  CostTable costs;
  PlanRequest request;

  explicit Planned(Model read) : model(std::move(read)) {
    Diagnostics found(model.reading.sources);
    swarm = read_swarm(model.reading.doc, found);
    found.throw_if_any();
    if (swarm.devices.empty()) swarm = swarm_of(3, "raspberry-pi-4b-4gb", model.reading.doc);
    request = read_request(model, swarm);
    request.time_limit_s = 2;
    costs = cost_table(model.graph, swarm, {}, request.batch);
  }
  explicit Planned(const std::string& text) : Planned(model_of(text)) {}
  Planned(const Planned&) = delete;
  Planned& operator=(const Planned&) = delete;

  Setting setting() const { return {model.graph, swarm, costs, request}; }
  PlanTable table() const {
    PlanTable made = partition(model.graph, swarm, costs, request);
    for (Plan& row : made.rows) name_nodes(setting(), row);
    return made;
  }
};

}  // namespace cleave
