#include "ops/defs/backward.h"
#include "ops/defs/defs.h"
#include "ops/defs/elementwise.h"

namespace cleave {

namespace {

void forward(const ForwardArgs& args) {
  map_values(args, [](float x) { return x < 0 ? 0.0F : x; });
}

Clamp clamp(const Params&) { return {.low = 0}; }

}  // namespace

// - relu
constinit const OpDef kRelu =
    activation("relu", "max(x, 0)", forward, update_relu, backward_relu, infer_same_shape<DType::f32>, clamp);

}  // namespace cleave
