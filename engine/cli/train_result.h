// What a training run came to.
#pragma once

#include <string>
#include <vector>

#include "engine/cli/train_job.h"

namespace cleave {

// Scores of every module's head on one set of samples.
struct Scores {
  std::int64_t images = 0;  // 0 = not scored
  std::vector<double> accuracy;
  std::vector<double> cross_entropy;
};

// How good the modules were behind an epoch.
struct EpochScore {
  std::int64_t epochs = 0;  // done
  double cpu_s = 0;         // of all threads of this process since the run, or this part of it, began; without scoring
  Scores train, test;
};

struct TrainResult {
  TrainReport report;
  Scores train, validation, test;  // train: of at most kTrainScored images
  std::vector<EpochScore> epochs;  // of this part of a run; the last is that of `train` and `test`
  std::string weights_hash;
  std::vector<std::string> other_hashes;  // of chains 2 and up
  std::string run_folder, weights_file;
};

inline constexpr std::int64_t kTrainScored = 10000;

// Scores all heads; not finished (images = 0) when the stop flag of the options is set meanwhile.
Scores score(const TrainJob& job, const Weights& weights, const Samples& samples);

// Returns the result in a --format. Ends with how to go on with `model` (see model_words), where it is for people.
std::string to_text(const TrainJob& job, const TrainResult& result, const std::string& format,
                    const std::string& model);
// Returns it as JSON.
std::string to_json(const TrainJob& job, const TrainResult& result);

}  // namespace cleave
