#include <algorithm>
#include <cmath>

#include "ops/defs/backward.h"
#include "ops/defs/common.h"
#include "ops/defs/defs.h"
#include "ops/defs/elementwise.h"

namespace cleave {

namespace {

// The largest value is taken off first, so that no exponential overflows.
void forward(const ForwardArgs& args) {
  const ConstTensorView& input = args.inputs.front();
  const std::int64_t channels = channels_of(*input.shape);
  const std::int64_t pixels = input.batch * pixels_of(*input.shape);
  for (std::int64_t p = 0; p < pixels; ++p) {
    const float* from = input.data + p * channels;
    float* to = args.output.data + p * channels;
    const float largest = *std::max_element(from, from + channels);
    float sum = 0;
    for (std::int64_t c = 0; c < channels; ++c) sum += to[c] = std::exp(from[c] - largest);
    for (std::int64_t c = 0; c < channels; ++c) to[c] /= sum;
  }
}

OpPart part(const Params& params, std::span<const TensorType> inputs, PartAxis axis, Range wanted) {
  if (axis == PartAxis::channels) throw OpError("needs all channels for each of them");
  return part_alike(params, inputs, axis, wanted);
}

}  // namespace

// - softmax
constinit const OpDef kSoftmax = {.name = "softmax",
                                  .doc = "exp(x) over the channels' sum of exp; images pixel by pixel",
                                  .fields = {},
                                  .infer = infer_same_shape<DType::f32>,
                                  .weights = nullptr,
                                  .cost = traffic_cost,
                                  .pack = nullptr,
                                  .forward = forward,
                                  .reach = reach_softmax,
                                  .update = update_softmax,
                                  .backward = backward_softmax,
                                  .part = part};

}  // namespace cleave
