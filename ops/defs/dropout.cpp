#include "ops/defs/common.h"
#include "ops/defs/defs.h"
#include "ops/defs/elementwise.h"

namespace cleave {

namespace {

constexpr FieldDef kFields[] = {
    {.name = "probability",
     .kind = Kind::real,
     .doc = "share of values that training by gradients would drop, below 1",
     .fallback = "0.5",
     .min = 0,
     .max = 0.999999},
};

TensorType infer(const Params& params, std::span<const TensorType> inputs) {
  check_params(params, kFields);
  return only_input(inputs);
}

void forward(const ForwardArgs& args) {
  map_values(args, [](float x) { return x; });
}

}  // namespace

// - dropout: {probability: 0.5}
constinit const OpDef kDropout = {.name = "dropout",
                                  .doc = "changes nothing when run; taken out of the graph",
                                  .fields = kFields,
                                  .infer = infer,
                                  .weights = nullptr,
                                  .cost = traffic_cost,
                                  .pack = nullptr,
                                  .forward = forward,
                                  .reach = reach_elementwise,
                                  .update = update_flatten,
                                  .part = part_alike,
                                  .view = true};

}  // namespace cleave
