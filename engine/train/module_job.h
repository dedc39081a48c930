// The job of a worker in training: the modules placed on a device, each in a thread of its own.
#pragma once

#include "engine/runtime/worker.h"

namespace cleave {

// Runs until the input has ended and everything is safe. Begins with the states it is given: those of the last
// checkpoint. A batch counts as safe (and may be forgotten upstream) when the coordinator says so.
void run_modules(JobContext& context);

}  // namespace cleave
