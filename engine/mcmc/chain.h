// Chain: the Markov chain of one module: its state, its laws, its random numbers and its counts.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/mcmc/module_state.h"
#include "engine/mcmc/step.h"

namespace cleave {

struct ChainOptions {
  double lambda = 1;       // multiplies the reduced loss
  bool mean = false;       // the loss is reduced to its mean over the batch, else its sum
  double pick_body = 0.5;  // relative
  double pick_head = 0.5;
  std::uint64_t seed = 1;
  std::uint32_t stream = 0;        // of random numbers
  std::int64_t refresh_every = 0;  // accepted steps; 0 = never
  // Annealing: λ is divided by a temperature that goes geometrically from `start` at step 0 to `end` at step
  // `annealed_steps`, and stays there.
  double start_temperature = 1, end_temperature = 1;
  std::int64_t annealed_steps = 0;
  std::int64_t warm_up = 0;  // steps in which scales adapt, where a proposal says so
};

// Returns what λ is divided by in a step.
double temperature(const ChainOptions& options, std::int64_t step);
// Throws UserError when λ times this finite loss is not a number a chain can use at the coldest temperature.
void check_lambda(const ChainOptions& options, double loss);

// Counts of steps since the chain began.
struct ChainCounts {
  std::int64_t steps = 0;
  std::int64_t body_steps = 0, body_accepted = 0;
  std::int64_t head_steps = 0, head_accepted = 0;
  std::int64_t not_finite = 0;  // rejected because the ratio or the loss was not a number

  bool operator==(const ChainCounts&) const = default;
};

// One recorded step.
struct TraceRow {
  std::int64_t step = 0;
  std::int64_t batch = 0;
  Part part = Part::body;
  const std::string* layer = nullptr;  // its name
  bool accepted = false;
  double loss = 0;       // reduced, after the step
  double log_prior = 0;  // of the module, after the step
  double log_ratio = 0;
  double jump = 0;    // Euclidean norm of what the step changed; 0 when rejected
  double lambda = 0;  // in force: multiplied the reduced loss
};

// Not thread safe. A step's random numbers depend on seed, stream and the step's number only.
class Chain {
 public:
  // Throws UserError when a law of the module cannot be run, it has no weights or its head is too large.
  Chain(const Graph& graph, ModuleId module, const LikelihoodDef& likelihood, const ChainOptions& options);

  // Moves the chain to another batch. `batch` and `weights` must outlive the steps on it. Throws as check_lambda.
  void set_batch(const BlockBatch& batch, Weights& weights);
  // Does `count` steps, or fewer: `enough`, if any, is asked after each. Calls `trace`, if any, after every
  // `trace_every`-th step of the chain.
  void run(std::int64_t count, const std::function<void(const TraceRow&)>& trace = {}, std::int64_t trace_every = 1,
           const std::function<bool()>& enough = {});
  // Goes on where another chain stood between two batches; its weights and a batch come with the next set_batch. False:
  // the scales are those of another module, and nothing was changed.
  bool restore(const ChainCounts& counts, std::int64_t batches, std::int64_t accepted_since_refresh,
               std::span<const double> scales);

  const ChainCounts& counts() const { return counts_; }
  std::int64_t batches() const { return batches_; }
  std::int64_t accepted_since_refresh() const { return accepted_since_refresh_; }
  // The reduced loss on the batch.
  double loss() const;
  // log π of the module's weights, in nats, kept up to date step by step.
  double log_prior() const { return log_prior_; }
  // Of the proposals that adapt, as `restore` takes them.
  std::vector<double> scales() const { return scales_of(plans_); }
  const ModuleState& state() const { return state_; }
  const std::vector<LayerPlan>& plans() const { return plans_; }

 private:
  void count(const StepResult& result);

  const Graph& graph_;
  ChainOptions options_;
  std::vector<LayerPlan> plans_;
  ModuleState state_;
  Weights* weights_ = nullptr;
  std::int64_t images_ = 0;
  std::int64_t batches_ = 0;
  std::int64_t accepted_since_refresh_ = 0;
  double log_prior_ = 0;
  ChainCounts counts_;
};

}  // namespace cleave
