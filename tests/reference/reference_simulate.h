// The simulator's slow twin: one event after the other off a heap, and after each everything is started that may be.
#pragma once

#include "partitioner/simulate.h"

namespace cleave {

// Of the report: finish_s, done, lost, held, the stop, and of each device compute_s and queue_max. For few frames.
SimReport reference_simulate(const SimPlan& plan, const SimOptions& options);

}  // namespace cleave
