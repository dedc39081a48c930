#include "ops/defs/backward.h"
#include "ops/defs/common.h"
#include "ops/defs/defs.h"
#include "ops/defs/reorder.h"
#include "ops/defs/update.h"

namespace cleave {

namespace {

TensorType infer(const Params&, std::span<const TensorType> inputs) {
  const TensorType& input = only_input(inputs);
  return {input.dtype, {element_count(input.shape)}};
}

void forward(const ForwardArgs& args) {
  const ConstTensorView& input = args.inputs.front();
  const std::int64_t channels = channels_of(*input.shape);
  const std::int64_t pixels = pixels_of(*input.shape);
  for (std::int64_t i = 0; i < input.batch; ++i) {
    const float* from = input.sample(i);
    float* to = args.output.sample(i);
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t p = 0; p < pixels; ++p) to[c * pixels + p] = from[p * channels + c];
  }
}

OpPart part(const Params& params, std::span<const TensorType> inputs, PartAxis, Range wanted) {
  const Recounted channels = recount(pixels_of(inputs.front().shape), 1, wanted);
  return {params, channels.computed, {channels.input}};
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
                                  .forward = forward,
                                  .reach = reach_flatten,
                                  .update = update_flatten,
                                  .backward = backward_add,
                                  .part = part,
                                  .view = true};

}  // namespace cleave
