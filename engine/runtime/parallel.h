// Threads for a kernel: the parts of a node's work on the cores that have nothing else to do.
#pragma once

#include "ops/core/parallel.h"

namespace cleave {

// Returns what lends a kernel up to `threads` threads of the task arena it is called in. Each thread gets one part of
// about the same size; the caller takes no other work meanwhile.
Parallel arena_threads(int threads);

}  // namespace cleave
