#include <algorithm>

#include <fmt/format.h>

#include "ops/defs/backward.h"
#include "ops/defs/common.h"
#include "ops/defs/defs.h"
#include "ops/defs/update.h"

namespace cleave {

namespace {

TensorType infer(const Params&, std::span<const TensorType> inputs) {
  check_inputs(inputs, 2, -1);
  for (const TensorType& input : inputs)
    if (input.shape != inputs.front().shape)
      throw OpError(
          fmt::format("needs inputs of one shape, got {} and {}", to_text(inputs.front().shape), to_text(input.shape)));
  return {DType::f32, inputs.front().shape};
}

void forward(const ForwardArgs& args) {
  const std::span<const float> first = args.inputs.front().values();
  const std::span<float> to = args.output.values();
  std::copy(first.begin(), first.end(), to.begin());
  for (const ConstTensorView& input : args.inputs.subspan(1)) {
    const std::span<const float> from = input.values();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
  }
}

}  // namespace

// - add: {}
//   from: [left, right]
constinit const OpDef kAdd = {.name = "add",
                              .doc = "the sum of two or more inputs of one shape",
                              .fields = {},
                              .min_inputs = 2,
                              .max_inputs = -1,
                              .infer = infer,
                              .weights = nullptr,
                              .cost = traffic_cost,
                              .pack = nullptr,
                              .forward = forward,
                              .reach = reach_any,
                              .update = update_add,
                              .backward = backward_add,
                              .part = part_alike};

}  // namespace cleave
