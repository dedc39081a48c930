// The geometry of pooling.
#pragma once

#include "ops/defs/window.h"

namespace cleave {

struct PoolWindows {
  WindowAxis y, x;
};

// Returns it for these parameters and this input. Throws OpError where they do not go together.
PoolWindows pool_windows(const Params& params, const Shape& input);

}  // namespace cleave
