// How fast the modules of a cascade go when each is trained on its own device: Metropolis-Hastings steps on one batch
// after the other, the body's output sent on (François et al. 2023, section 3.1).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cleave {

// One module and the link its input comes by.
struct ModuleTimes {
  double receive_s = 0;  // of one batch; 0 = from the same device
  double forward_s = 0;  // one full forward, before the first step
  double step_s = 0;
  std::int64_t max_steps = 1;
};

struct CascadeRule {
  bool stop_early = false;    // all but the first module: after the step during which newer input arrived
  std::int64_t capacity = 1;  // batches that wait before a module, at least 1
  bool blocks = true;         // a sender waits while there is no room; else the buffer never stops it
};

// Averages over batches in the long run.
struct ModulePace {
  double steps = 0;   // done on a batch
  double pace_s = 0;  // from one batch to the next
  double busy_s = 0;  // of it
  double queue = 0;   // batches that wait when the module takes one
};

struct CascadePace {
  std::vector<ModulePace> modules;
  int slowest = 0;               // the module that sets the pace …
  bool slowest_is_link = false;  // … or the link before it
};

// Steps that keep every module busy for as long as the slowest one takes with `least_steps`; none does fewer.
std::vector<std::int64_t> balanced_steps(std::span<const ModuleTimes> modules, const CascadeRule& rule,
                                         std::int64_t least_steps);

CascadePace cascade_pace(std::span<const ModuleTimes> modules, const CascadeRule& rule);

}  // namespace cleave
