// How a model is trained and how it answers, as its file says; see model_spec.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace cleave {

struct TrainSpec {
  std::string preset, algorithm, mode;
  std::int64_t batch = 0;
  std::int64_t epochs = 0;
  double lambda = 0;                    // multiplies the reduced loss
  std::int64_t steps = 0;               // of Metropolis-Hastings per module and batch (iterations.max)
  double pick_body = 0, pick_head = 0;  // add up to 1
  bool stop_early = false;              // on_new_input
  std::string buffer_policy = "fifo";
  std::int64_t buffer_capacity = 4;
  bool buffer_drops = false;  // when_full: drop_oldest
  bool states_pace = false;   // the file says something of stop_early: on_new_input or the buffer
  double temperature_start = 1, temperature_end = 1;  // annealing: lambda is divided by it
  double temperature_over = 1;                        // share of the run after which it is temperature_end
  std::int64_t warm_up = 0;                           // steps discarded, in which scales may adapt
  std::int64_t chains = 1;
  std::int64_t keep_draws = 0;  // the newest so many; 0 = none
  std::int64_t keep_every = 1000;
  double learning_rate = 0.05, momentum = 0.9;  // of algorithm sgd
  std::int64_t sgd_batch = 128;                 // images of one of its steps
  double checkpoint_every_s = 300;
  std::int64_t checkpoint_keep = 2;
};

struct EarlyExitSpec {
  std::string rule;  // max_probability | entropy
  double threshold = 0;
};

struct InferenceSpec {
  std::int64_t batch = 1;
  std::int64_t in_flight = 4;
  double rate_per_s = 0;  // 0 = as fast as it goes
  std::optional<EarlyExitSpec> early_exit;
  bool mean_of_draws = false;  // predict: averaged over the draws kept, else from the last weights
};

// What running a network in one process may take; 0 = not said.
struct LimitsSpec {
  double memory_bytes = 0;  // of the activations of one sample; of the weights, too, unless they have their own
  double weight_bytes = 0;  // of the weights

  bool is_given() const { return memory_bytes > 0 || weight_bytes > 0; }
};

struct OutputSpec {
  std::string dir;
  std::int64_t trace_every = 1;
};

}  // namespace cleave
