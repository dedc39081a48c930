// The chains of a run behind the first (training.chains): the same model and data, other random numbers and other start
// weights, each in RUN/chains/N. What a chain comes to depends on its number and the seed, not on how many there are.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/cli/log.h"
#include "engine/cli/train_job.h"
#include "engine/train/run_folder.h"
#include "engine/train/trace.h"

namespace cleave {

// What the head of a chain's trace files says.
TraceConfiguration trace_configuration(const TrainJob& job, std::int64_t chain);
// The seed of a chain's steps and start weights: the run's for the first.
std::uint64_t chain_seed(std::uint64_t seed, std::int64_t chain);
// The threads of a chain, 1 and up: a share of the run's, at least one.
int chain_threads(const TrainJob& job, std::int64_t chain);

// Not thread safe. Everything it is given outlives it.
class SideChains {
 public:
  // Called by the chains' threads, several at the same time; the chain counts from 0, the run's first.
  using Heard = std::function<void(std::size_t chain, const BatchProgress&)>;

  // Makes their folders, or goes on where they stood. Throws RunError, and UserError for checkpoints of another run.
  SideChains(const TrainJob& job, const RunFolder& run, bool resumed, Log& log, Heard heard);
  // Stops them, with checkpoints.
  ~SideChains();
  SideChains(const SideChains&) = delete;
  SideChains& operator=(const SideChains&) = delete;

  void start();
  // Throws what ended a chain before its end.
  void check() const;
  // Waits for all of them, and throws what ended one. They stop when the job's stop flag is set.
  void join();
  // Of their last weights, once joined.
  std::vector<std::string> weights_hashes() const;

 private:
  struct Chain;
  std::vector<std::unique_ptr<Chain>> chains_;
};

}  // namespace cleave
