#include <cmath>

#include "ops/defs/backward.h"
#include "ops/defs/defs.h"
#include "ops/defs/elementwise.h"

namespace cleave {

namespace {

void forward(const ForwardArgs& args) {
  map_values(args, [](float x) { return std::tanh(x); });
}

}  // namespace

// - tanh
constinit const OpDef kTanh = activation("tanh", "hyperbolic tangent", forward, update_tanh, backward_tanh);

}  // namespace cleave
