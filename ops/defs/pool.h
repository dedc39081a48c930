// The geometry of pooling, and its walk over a batch.
#pragma once

#include "ops/core/op.h"
#include "ops/defs/window.h"
#include "ops/kernels/infer_kernels.h"

namespace cleave {

struct PoolWindows {
  WindowAxis y, x;
};

// Returns it for these parameters and this input. Throws OpError where they do not go together.
PoolWindows pool_windows(const Params& params, const Shape& input);

// Computes a batch by one of the functions of InferKernels.
using PoolRows = void (*)(const Pooling& pool, std::int64_t from, std::int64_t to);
void pool_batch(const ForwardArgs& args, PoolRows rows);

}  // namespace cleave
