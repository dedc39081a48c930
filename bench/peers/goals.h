// The goals of the kernels, each a row of the table at the end.
#pragma once

#include <map>
#include <string>

namespace cleave {

// What was measured, by name: "K1.ort".
using Figures = std::map<std::string, double>;

// Prints goal, figure, met or missed; "not measured" where a peer was not there.
void print_goals(const Figures& figures);

// One "name value" a line: how a process with another instruction set tells what it measured.
void write_figures(const std::string& file, const Figures& figures);
Figures read_figures(const std::string& file);

}  // namespace cleave
