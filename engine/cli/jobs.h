// The jobs a worker can be given.
#pragma once

#include <span>

#include "engine/runtime/worker.h"

namespace cleave {

std::span<const JobDef> job_catalog();

}  // namespace cleave
