#include <algorithm>

#include <fmt/format.h>

#include "ops/defs/backward.h"
#include "ops/defs/common.h"
#include "ops/defs/defs.h"
#include "ops/defs/reorder.h"
#include "ops/defs/update.h"

namespace cleave {

namespace {

constexpr FieldDef kFields[] = {
    {.name = "axis",
     .kind = Kind::integer,
     .doc = "along which the inputs are joined: 0 channels (or the vector), 1 rows, 2 columns",
     .fallback = "0",
     .min = 0,
     .max = 2},
};

void check_sizes(const Shape& first, const Shape& other, std::size_t axis) {
  bool fits = first.size() == other.size() && axis < first.size();
  for (std::size_t i = 0; fits && i < first.size(); ++i) fits = i == axis || first[i] == other[i];
  if (!fits)
    throw OpError(
        fmt::format("needs inputs that differ in size {} only, got {} and {}", axis, to_text(first), to_text(other)));
}

TensorType infer(const Params& params, std::span<const TensorType> inputs) {
  check_params(params, kFields);
  check_inputs(inputs, 1, -1);
  const auto axis = static_cast<std::size_t>(params.integer("axis", 0));
  TensorType joined = inputs.front();
  if (axis >= joined.shape.size())
    throw OpError(fmt::format("axis {} needs images, got a vector of {}", axis, to_text(joined.shape)));
  joined.shape[axis] = 0;
  for (const TensorType& input : inputs) {
    check_sizes(inputs.front().shape, input.shape, axis);
    joined.shape[axis] += input.shape[axis];
    if (input.dtype != joined.dtype) joined.dtype = DType::f32;
  }
  return output_type(joined.dtype, joined.shape);
}

void forward(const ForwardArgs& args) {
  const std::int64_t axis = args.params.integer("axis", 0);
  const MemoryAxis to = memory_axis(*args.output.shape, axis);
  std::int64_t offset = 0;
  for (const ConstTensorView& input : args.inputs) {
    const MemoryAxis from = memory_axis(*input.shape, axis);
    const std::int64_t run = from.size * from.inner;
    for (std::int64_t i = 0; i < input.batch * from.outer; ++i)
      std::copy_n(input.data + i * run, run, args.output.data + (i * to.size + offset) * to.inner);
    offset += from.size;
  }
}

OpPart part(const Params& params, std::span<const TensorType> inputs, PartAxis axis, Range wanted) {
  OpPart part = part_alike(params, inputs, axis, wanted);
  if (params.integer("axis", 0) != static_cast<std::int64_t>(axis)) return part;
  std::int64_t done = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::int64_t size = size_along(inputs[i].shape, axis);
    part.inputs[i] = {std::clamp<std::int64_t>(wanted.from - done, 0, size),
                      std::clamp<std::int64_t>(wanted.to - done, 0, size)};
    done += size;
  }
  return part;
}

}  // namespace

// - concat: {axis: 0}
//   from: [left, right]
constinit const OpDef kConcat = {.name = "concat",
                                 .doc = "the inputs side by side along one axis",
                                 .fields = kFields,
                                 .min_inputs = 1,
                                 .max_inputs = -1,
                                 .infer = infer,
                                 .weights = nullptr,
                                 .cost = traffic_cost,
                                 .pack = nullptr,
                                 .forward = forward,
                                 .reach = reach_concat,
                                 .update = update_concat,
                                 .backward = backward_concat,
                                 .part = part};

}  // namespace cleave
