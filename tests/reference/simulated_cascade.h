// The cascade with a clock, queues and links, one event after the other: slow and obvious.
#pragma once

#include <span>
#include <vector>

#include "partitioner/cascade_timing.h"

namespace cleave {

// Runs until the last module has done `warm_up + counted` batches; averages over each module's batches behind the first
// `warm_up`.
std::vector<ModulePace> simulated_cascade(std::span<const ModuleTimes> modules, const CascadeRule& rule, int warm_up,
                                          int counted);

}  // namespace cleave
