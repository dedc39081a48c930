// Models for tests, read from text.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "graphs/build.h"

namespace cleave {

// Reads and builds a model with the language of the program. Throws ModelError.
Model model_of(const std::string& text, const std::vector<std::string>& sets = {});
// Returns the mistakes in a model, in file order; empty for a valid one.
std::vector<Diagnostic> mistakes_in(const std::string& text, const std::vector<std::string>& sets = {});
// Returns a network of these layers (a YAML flow list) on an image of 2x8x8.
Model layers_of(const std::string& layers, const std::string& settings = "");
// Returns the names of all nodes, in order.
std::vector<std::string> node_names(const Graph& graph);
// Returns the model files the program ships and those of tests/models, sorted.
std::vector<std::filesystem::path> all_model_files();
// Returns a file's bytes.
std::string text_of(const std::filesystem::path& path);
// Compares `text` with tests/golden/NAME; with UPDATE_GOLDEN=1 in the environment it is written there instead. Returns
// the golden text.
std::string golden(const std::string& name, const std::string& text);

}  // namespace cleave
