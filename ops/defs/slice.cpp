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
     .doc = "along which it is cut: 0 channels (or the vector), 1 rows, 2 columns",
     .fallback = "0",
     .min = 0,
     .max = 2},
    {.name = "from", .kind = Kind::integer, .doc = "first index kept", .fallback = "0", .min = 0, .max = 1e9},
    {.name = "to", .kind = Kind::integer, .doc = "first index not kept", .required = true, .min = 1, .max = 1e9},
};

TensorType infer(const Params& params, std::span<const TensorType> inputs) {
  check_params(params, kFields);
  TensorType type = only_input(inputs);
  const auto axis = static_cast<std::size_t>(params.integer("axis", 0));
  if (axis >= type.shape.size())
    throw OpError(fmt::format("axis {} needs an image, got a vector of {}", axis, to_text(type.shape)));
  const std::int64_t from = params.integer("from", 0);
  const std::int64_t to = params.integer("to");
  if (from >= to || to > type.shape[axis])
    throw OpError(fmt::format("needs 0 <= from < to <= {} along axis {} of {}, got from {} to {}", type.shape[axis],
                              axis, to_text(type.shape), from, to));
  type.shape[axis] = to - from;
  return type;
}

void forward(const ForwardArgs& args) {
  const ConstTensorView& input = args.inputs.front();
  const std::int64_t axis = args.params.integer("axis", 0);
  const MemoryAxis from = memory_axis(*input.shape, axis);
  const MemoryAxis to = memory_axis(*args.output.shape, axis);
  const std::int64_t first = args.params.integer("from", 0);
  const std::int64_t run = to.size * to.inner;
  for (std::int64_t i = 0; i < input.batch * from.outer; ++i)
    std::copy_n(input.data + (i * from.size + first) * from.inner, run, args.output.data + i * run);
}

OpPart part(const Params& params, std::span<const TensorType> inputs, PartAxis axis, Range wanted) {
  OpPart part = part_alike(params, inputs, axis, wanted);
  if (params.integer("axis", 0) != static_cast<std::int64_t>(axis)) return part;
  const std::int64_t first = params.integer("from", 0);
  part.inputs.front() = {first + wanted.from, first + wanted.to};
  part.params.set("from", std::int64_t{0});
  part.params.set("to", wanted.size());
  return part;
}

Params branch(const Params& params, std::int64_t ways, bool whole_input) {
  Params narrow = params;
  if (whole_input || params.integer("axis", 0) != 0) return narrow;
  narrow.set("from", branch_share("from", params.integer("from", 0), ways));
  narrow.set("to", branch_share("to", params.integer("to"), ways));
  return narrow;
}

}  // namespace

// - slice: {axis: 0, from: 0, to: 8}
constinit const OpDef kSlice = {.name = "slice",
                                .doc = "the part from <= index < to along one axis",
                                .fields = kFields,
                                .infer = infer,
                                .weights = nullptr,
                                .cost = traffic_cost,
                                .pack = nullptr,
                                .forward = forward,
                                .reach = reach_slice,
                                .update = update_slice,
                                .backward = backward_slice,
                                .part = part,
                                .branch = branch};

}  // namespace cleave
