// A plan as a file: saved, read back, checked against the graph by hash; and locked into the model file.
#pragma once

#include <string>

#include "partitioner/make_problem.h"

namespace cleave {

// Returns the plan as YAML: version, model, graph hash, objective, stages with their nodes, cuts, predictions.
std::string plan_to_yaml(const Setting& setting, const Plan& plan);

// Reads it back for the same graph and swarm. Throws ModelError (FILE:LINE:COL) for what is not a plan, a plan of
// another graph (hash), unknown devices or nodes, nodes placed twice or not at all.
Plan read_plan(const std::string& path, const Setting& setting);
Plan read_plan_text(const std::string& file, const std::string& text, const Setting& setting);

// Returns the plan that `mode: manual` of the placement states, costed like any other. Throws UserError when it does
// not place the network: a device takes turns, a cut is where none can be.
Plan manual_plan(const Model& model, const Setting& setting);

// Returns the text of a model file with `placement` stating the plan (mode: manual, map: …) and everything else,
// comments included, as it was. Throws UserError when the placement stands in another file, or the plan cannot be
// stated by names.
std::string locked_model(const Model& model, const std::string& text, const Setting& setting, const Plan& plan);

}  // namespace cleave
