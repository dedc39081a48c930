// A graph as text: a table for people, JSON for programs.
#pragma once

#include <string>

#include "graphs/graph.h"

namespace cleave {

// Returns a table, one line a node: shape, dtype, weights, multiply-adds, bytes; then the modules and the totals.
std::string to_text(const Graph& graph);

// Returns the same as JSON, with edges, parameters and learning rules.
std::string graph_to_json(const Graph& graph);

// Runs the passes on a graph without weights, to show or draw it as inference runs it.
void fuse_for_inference(Graph& graph);

// "40.8 M", "272 474": counts as people read them.
std::string with_blanks(std::int64_t count);
std::string in_short(double number);
// "1.05 MB"
std::string bytes_in_short(std::int64_t bytes);

}  // namespace cleave
