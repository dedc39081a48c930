#include <cmath>

#include "ops/defs/backward.h"
#include "ops/defs/defs.h"
#include "ops/defs/elementwise.h"

namespace cleave {

namespace {

void forward(const ForwardArgs& args) {
  map_values(args, [](float x) { return 1.0F / (1.0F + std::exp(-x)); });
}

}  // namespace

// - sigmoid
constinit const OpDef kSigmoid = activation("sigmoid", "1 / (1 + exp(-x))", forward, update_sigmoid, backward_sigmoid);

}  // namespace cleave
