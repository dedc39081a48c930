// Which weights answer: those trained last, or draws whose probabilities are averaged.
#pragma once

#include <string>
#include <vector>

#include "engine/cli/command.h"
#include "engine/cli/log.h"
#include "engine/runtime/evaluate.h"
#include "graphs/build.h"

namespace cleave {

struct WeightOptions {
  std::string weights = {}, predict = {}, draws = {};
};

// Adds --weights, --predict and --draws.
void add_weight_options(CLI::App& app, WeightOptions& options);

// Returns the weights in --weights; else those of the run in --draws, those the model names, or random ones with a note
// that says so.
Weights weights_for(const Model& model, const WeightOptions& options, Log& log);

// Returns the draws to average: none for `predict: last`. Those in --draws, or in the run folder that --weights lies
// in. Throws UserError when the options contradict each other, no draws are found or `on_workers`.
std::vector<Weights> draws_for(const Model& model, const WeightOptions& options, bool on_workers);

// Runs all draws on all samples of `source` in this process and answers with the mean of their probabilities.
EvaluateReport answer_by_draws(const Model& model, std::vector<Weights> draws, const LabelledSource& source,
                               EvaluateOptions options,
                               const std::function<void(const Prediction&)>& on_prediction = {});

}  // namespace cleave
