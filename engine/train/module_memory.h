// What training a module takes in memory, known before it begins.
#pragma once

#include <cstdint>
#include <string>

#include "graphs/graph.h"

namespace cleave {

// Rows of a trace that are held before they are written or sent.
inline constexpr std::int64_t kTraceRowsHeld = 1000;

struct ModuleMemory {
  std::string name;
  std::int64_t weights_bytes = 0;
  std::int64_t activation_bytes = 0;  // of one batch: what it reads and the output of each of its nodes
  std::int64_t extra_bytes = 0;       // recorded steps and kept draws
  std::int64_t training_bytes = 0;    // all there is in training, the batch it reads included

  std::int64_t bound_bytes() const { return weights_bytes + 3 * activation_bytes + extra_bytes; }
};

// Returns the memory of a module with a head that is trained by Metropolis-Hastings in batches of `batch` images and
// keeps so many draws. Throws UserError as ModuleState does.
ModuleMemory module_memory(const Graph& graph, ModuleId module, std::int64_t batch, std::int64_t draws);

}  // namespace cleave
