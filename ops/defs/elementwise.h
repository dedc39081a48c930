// What activations share: output[i] depends on input[i] only, so output and input may be the same memory.
#pragma once

#include <cstddef>
#include <span>

#include "ops/core/op.h"
#include "ops/defs/common.h"
#include "ops/defs/update.h"

namespace cleave {

// Returns the input's shape with dtype `dtype`.
template <DType dtype>
TensorType infer_same_shape(const Params&, std::span<const TensorType> inputs) {
  return {dtype, only_input(inputs).shape};
}

// Writes function(x) for every value of the only input.
template <class Function>
void map_values(const ForwardArgs& args, Function function) {
  const std::span<const float> from = args.inputs.front().values();
  const std::span<float> to = args.output.values();
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = function(from[i]);
}

// Returns the row of an elementwise op without parameters.
constexpr OpDef activation(const char* name, const char* doc, void (*forward)(const ForwardArgs&),
                           void (*update)(const UpdateArgs&), void (*backward)(const BackwardArgs&) = nullptr,
                           TensorType (*infer)(const Params&,
                                               std::span<const TensorType>) = infer_same_shape<DType::f32>,
                           Clamp (*clamp)(const Params&) = nullptr) {
  return {.name = name,
          .doc = doc,
          .fields = {},
          .infer = infer,
          .weights = nullptr,
          .cost = traffic_cost,
          .pack = nullptr,
          .forward = forward,
          .reach = reach_elementwise,
          .update = update,
          .backward = backward,
          .part = part_alike,
          .elementwise = true,
          .clamp = clamp};
}

}  // namespace cleave
