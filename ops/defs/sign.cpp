#include "ops/defs/defs.h"
#include "ops/defs/elementwise.h"

namespace cleave {

namespace {

void forward(const ForwardArgs& args) {
  map_values(args, [](float x) { return x >= 0 ? 1.0F : -1.0F; });
}

}  // namespace

// - sign
constinit const OpDef kSign = activation("sign", "+1 where x >= 0, else -1; one bit on a wire", forward, update_sign,
                                         nullptr, infer_same_shape<DType::bit>);

}  // namespace cleave
