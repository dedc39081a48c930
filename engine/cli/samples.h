// What a model is trained and scored on: its data sets, checked against its network.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/runtime/evaluate.h"
#include "engine/train/batches.h"
#include "graphs/build.h"

namespace cleave {

// Some samples of a data set.
struct Samples {
  const Dataset* set = nullptr;
  const InputSpec* input = nullptr;  // how they are mapped
  std::vector<std::int64_t> picks;
};

// Returns the data set that `wanted` (data.train or data.test) asks for. `limit` above 0 cuts it further. Throws
// UserError where it is not given, not found or does not fit the network's input and heads, RunError for damaged files.
Dataset load_samples(const Model& model, const DataSetSpec& wanted, const std::string& key, std::int64_t limit = 0);

// Returns a file that the model names, seen from the model's folder.
std::string beside_model(const ModelSpec& spec, const std::string& file);

// Returns 0 … count-1.
std::vector<std::int64_t> all_of(std::int64_t count);
// Takes `share` of 0 … count-1 at random (a function of the seed) into `held_out`, returns the others; both ascending,
// neither empty. Throws UserError when count is below 2.
std::vector<std::int64_t> hold_out(std::int64_t count, double share, std::uint64_t seed,
                                   std::vector<std::int64_t>& held_out);

// Returns a source that goes through the samples in a new order each epoch, see shuffled_batches. `samples` must
// outlive it.
BatchSource batches_of(const Samples& samples, std::uint64_t seed);
// Returns a source that goes through the samples once, in order. `samples` must outlive it.
LabelledSource stream_of(const Samples& samples);

// Fills batch `batch` (from 0) of the samples in order, `input.batch` at a time; returns how many, 0 behind the last.
std::int64_t fill_samples(const Samples& samples, std::int64_t batch, TensorView input, std::span<std::int32_t> labels);

// Runs the passes and evaluates all the samples. The weights are those of the graph as built.
EvaluateReport evaluate_samples(const Graph& graph, const Weights& weights, const Samples& samples,
                                EvaluateOptions options);
// Returns a batch for evaluating, where the model states none: as large as pays while the frames stay small.
std::int64_t evaluation_batch(const Graph& graph, std::int64_t in_flight);

}  // namespace cleave
