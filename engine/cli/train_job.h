// A training run made ready: model, data, start weights and settings, all checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/cli/command.h"
#include "engine/cli/samples.h"
#include "engine/train/run_folder.h"
#include "engine/train/train.h"

namespace cleave {

struct SwarmTraining;

struct TrainJob {
  Model model;
  Weights weights;
  std::string weights_from;  // a file, or "" for random ones
  Dataset train_set, test_set;
  Samples train, validation, test;  // the last two may be empty
  TrainOptions options;
  const SwarmTraining* swarm = nullptr;  // trains on workers; null = in this process

  const Graph& graph() const { return model.graph; }
  const ModelSpec& spec() const { return model.reading.spec; }
};

// Fills `job` (which must stay where it is: its samples point into it) from a model file; `weights_file`, when not
// empty, takes the place of the model's start weights. Throws ModelError, UserError for what this version cannot train,
// RunError for files that cannot be read.
void prepare_training(const std::string& model_file, const std::string& weights_file, const CommonOptions& common,
                      TrainJob& job);
// The same of a model that was read; its start weights are left out, for a run that goes on from a checkpoint.
void prepare_resumed_training(Model model, const CommonOptions& common, TrainJob& job);

// Returns the model of a run as it was resolved when the run began. Throws RunError when the folder has lost it.
Model model_of_run(const RunFolder& folder, const RunRecord& record);

// The number of batches of an epoch, and of images in the largest of them.
std::int64_t batches_per_epoch(const TrainJob& job);
std::int64_t images_per_batch(const TrainJob& job);
// λ as it multiplies the reduced loss; the same for one image of the summed loss; and for the other `reduce`.
double lambda_of(const TrainJob& job);
double lambda_per_image(const TrainJob& job);
double other_lambda(const TrainJob& job);
// "λ 100 per image (cold: close to a search for the minimum); with reduce: mean it would be 750000"
std::string lambda_line(const TrainJob& job);

// What changes the weights, in a line: lambda_line, or the steps of sgd.
std::string algorithm_line(const TrainJob& job);

// Names which settings have no effect and what would give them one; "" = all have.
std::string idle_settings(const TrainJob& job);

// About how many bytes the run takes in memory: data, weights, activations and what a proposal changes of them.
std::int64_t memory_estimate(const TrainJob& job);
// About how many bytes it writes.
std::int64_t disk_estimate(const TrainJob& job);

// What --dry-run prints, for people and as JSON.
std::string describe(const TrainJob& job);
std::string describe_json(const TrainJob& job);

}  // namespace cleave
