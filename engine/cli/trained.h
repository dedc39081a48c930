// What `sparsity` and `prune` look at: the model and the weights of a run, or a model file's own.
#pragma once

#include <string>
#include <vector>

#include "engine/cli/command.h"
#include "engine/cli/log.h"
#include "graphs/graph.h"

namespace cleave {

struct Trained {
  std::string name;  // as given on the command line
  bool is_run = false;
  Model model;
  Weights weights;
  std::string model_words;  // that name the model on a command line
};

// Reads RUN: a run folder with its last weights, or a model file with `weights_file`, or else with its own start
// weights. Throws UserError for --set with a run folder (a run keeps its model), and as load_model and read_weights.
Trained load_trained(const std::string& path, const std::string& weights_file, const CommonOptions& common, Log& log);

// Returns the draws the run kept (RUN/draws/*.safetensors), in the order of their names. Throws UserError when there
// are none.
std::vector<Weights> load_draws(const Trained& trained);

}  // namespace cleave
