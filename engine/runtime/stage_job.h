// The job of a worker in inference: runs one stage of a plan on every frame that comes.
#pragma once

#include "engine/runtime/shard.h"
#include "engine/runtime/worker.h"

namespace cleave {

// Runs until the source has ended and every frame is committed. Told to the coordinator: ready, then `counts` every
// second, then done.
void run_stage(JobContext& context);

// The shard of an assignment, without weights. Throws RunError, UserError or ModelError when model and plan do not fit.
Sharding sharding_of(const JobContext& context);

}  // namespace cleave
