// The geometry of a conv2d layer.
#pragma once

#include <cstdint>

#include "ops/defs/window.h"

namespace cleave {

struct Convolution {
  std::int64_t kernel = 1;
  std::int64_t groups = 1;
  std::int64_t inputs = 0;   // channels of one group
  std::int64_t filters = 0;  // of one group
  WindowAxis y, x;

  std::int64_t taps() const { return kernel * kernel * inputs; }
};

// Returns it for these parameters and this input. Throws OpError where they do not go together.
Convolution convolution(const Params& params, const Shape& input);

}  // namespace cleave
