// The draws of a module that are kept: one every so many steps behind the warm-up, the newest of them.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/train/module_trainer.h"

namespace cleave {

class KeptDraws {
 public:
  KeptDraws(const Graph& graph, ModuleId module, const TrainOptions& options);

  // Does `count` steps by `run`, which takes how many to do and whether to stop early (asked after each; `newer`, may
  // be empty); interrupts it where a draw is due, which is taken from the module's weights. `step` returns the steps of
  // the chain so far.
  using Run = std::function<void(std::int64_t count, const std::function<bool()>& enough)>;
  void run(std::int64_t count, const std::function<bool()>& newer, const Weights& weights,
           const std::function<std::int64_t()>& step, const Run& run);

  const std::vector<Draw>& draws() const { return draws_; }
  // Goes on with those of a checkpoint; more than are wanted now are dropped, the oldest first.
  void restore(std::vector<Draw> draws);

 private:
  // Steps from this one to the next draw.
  std::int64_t until_due(std::int64_t step) const;
  void drop_oldest();

  std::vector<NodeId> layers_;
  std::int64_t most_, every_, warm_up_;
  std::vector<Draw> draws_;  // ascending
};

}  // namespace cleave
