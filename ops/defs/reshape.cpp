#include <fmt/format.h>

#include "ops/defs/backward.h"
#include "ops/defs/common.h"
#include "ops/defs/defs.h"
#include "ops/defs/reorder.h"
#include "ops/defs/update.h"

namespace cleave {

namespace {

constexpr FieldDef kFields[] = {
    {.name = "shape",
     .kind = Kind::integers,
     .doc = "the new sizes, [N] or [C, H, W]; values keep the order channel, row, column",
     .required = true,
     .min = 1,
     .max = 1e6},
};

TensorType infer(const Params& params, std::span<const TensorType> inputs) {
  check_params(params, kFields);
  const TensorType& input = only_input(inputs);
  const Shape shape = params.integers("shape");
  if (shape.size() != 1 && shape.size() != 3)
    throw OpError(fmt::format("shape must have 1 or 3 sizes, got {}", shape.size()));
  TensorType output = output_type(input.dtype, shape);
  if (element_count(shape) != element_count(input.shape))
    throw OpError(fmt::format("cannot make {} ({} values) of {} ({} values)", to_text(shape), element_count(shape),
                              to_text(input.shape), element_count(input.shape)));
  return output;
}

void forward(const ForwardArgs& args) {
  const ConstTensorView& input = args.inputs.front();
  for (std::int64_t i = 0; i < input.batch; ++i) {
    const float* from = input.sample(i);
    float* to = args.output.sample(i);
    for (std::int64_t k = 0; k < input.sample_size(); ++k)
      to[memory_index(*args.output.shape, k)] = from[memory_index(*input.shape, k)];
  }
}

OpPart part(const Params& params, std::span<const TensorType> inputs, PartAxis axis, Range wanted) {
  if (axis == PartAxis::rows) throw OpError("needs the whole image");
  Shape shape = params.integers("shape");
  const Recounted channels = recount(pixels_of(inputs.front().shape), pixels_of(shape), wanted);
  OpPart part{params, channels.computed, {channels.input}};
  shape.front() = channels.computed.size();
  part.params.set("shape", shape);
  return part;
}

Params branch(const Params& params, std::int64_t ways, bool whole_input) {
  if (whole_input) return params;
  Params narrow = params;
  Shape shape = params.integers("shape");
  shape.front() = branch_share("channels", shape.front(), ways);
  narrow.set("shape", shape);
  return narrow;
}

}  // namespace

// - reshape: {shape: [16, 8, 8]}
constinit const OpDef kReshape = {.name = "reshape",
                                  .doc = "the same values with other sizes",
                                  .fields = kFields,
                                  .infer = infer,
                                  .weights = nullptr,
                                  .cost = traffic_cost,
                                  .pack = nullptr,
                                  .forward = forward,
                                  .reach = reach_reshape,
                                  .update = update_reshape,
                                  .backward = backward_add,
                                  .part = part,
                                  .branch = branch};

}  // namespace cleave
