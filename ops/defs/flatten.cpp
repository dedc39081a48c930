#include "ops/defs/common.h"
#include "ops/defs/defs.h"
#include "ops/defs/reorder.h"

namespace cleave {

namespace {

TensorType infer(const Params&, std::span<const TensorType> inputs) {
  const TensorType& input = only_input(inputs);
  return {input.dtype, {element_count(input.shape)}};
}

void forward(const ForwardArgs& args) {
  const ConstTensorView& input = args.inputs.front();
  for (std::int64_t i = 0; i < input.batch; ++i) to_channel_order(*input.shape, input.sample(i), args.output.sample(i));
}

}  // namespace

// - flatten
constinit const OpDef kFlatten = {.name = "flatten",
                                  .doc = "an image as a vector, in the order channel, row, column",
                                  .fields = {},
                                  .infer = infer,
                                  .weights = nullptr,
                                  .cost = traffic_cost,
                                  .pack = nullptr,
                                  .forward = forward};

}  // namespace cleave
