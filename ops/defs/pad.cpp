#include <algorithm>

#include "ops/defs/backward.h"
#include "ops/defs/common.h"
#include "ops/defs/defs.h"
#include "ops/defs/update.h"
#include "ops/defs/window.h"

namespace cleave {

namespace {

constexpr std::int64_t kMaxPadding = 10000;

constexpr FieldDef kFields[] = {
    {.name = "size",
     .kind = Kind::integer,
     .doc = "rows and columns of zeros on each of the four sides",
     .required = true,
     .min = 0,
     .max = kMaxPadding},
    {.name = "rows",
     .kind = Kind::integers,
     .doc = "[above, below]: rows of zeros, where not as the size",
     .min = 0,
     .max = kMaxPadding},
};

Margins rows_of(const Params& params) { return row_margins(params, "rows", params.integer("size"), kMaxPadding); }

TensorType infer(const Params& params, std::span<const TensorType> inputs) {
  check_params(params, kFields);
  const Shape& shape = only_image(inputs).shape;
  const std::int64_t size = params.integer("size");
  const Margins rows = rows_of(params);
  return output_type(DType::f32, {shape[0], rows.before + shape[1] + rows.after, shape[2] + 2 * size});
}

void forward(const ForwardArgs& args) {
  const ConstTensorView& input = args.inputs.front();
  const Shape& shape = *input.shape;
  const std::int64_t size = args.params.integer("size");
  const std::int64_t above = rows_of(args.params).before;
  const std::int64_t run = shape[2] * shape[0];
  const std::int64_t padded_run = (shape[2] + 2 * size) * shape[0];
  const std::span<float> output = args.output.values();
  std::fill(output.begin(), output.end(), 0.0F);
  for (std::int64_t i = 0; i < input.batch; ++i)
    for (std::int64_t y = 0; y < shape[1]; ++y)
      std::copy_n(input.sample(i) + y * run, run, args.output.sample(i) + (y + above) * padded_run + size * shape[0]);
}

// A row of the output is a window of one row.
OpPart part(const Params& params, std::span<const TensorType> inputs, PartAxis axis, Range wanted) {
  if (axis == PartAxis::channels) return part_alike(params, inputs, axis, wanted);
  const WindowPart rows = part_of(padded_axis("a row", inputs.front().shape[1], 1, 1, rows_of(params)), wanted);
  OpPart part{params, rows.computed, {rows.input}};
  part.params.set("rows", std::vector<std::int64_t>{rows.padding.before, rows.padding.after});
  return part;
}

}  // namespace

// - pad: {size: 1}
constinit const OpDef kPad = {.name = "pad",
                              .doc = "the image with a frame of zeros",
                              .fields = kFields,
                              .infer = infer,
                              .weights = nullptr,
                              .cost = traffic_cost,
                              .pack = nullptr,
                              .forward = forward,
                              .reach = reach_elementwise,
                              .update = update_pad,
                              .backward = backward_pad,
                              .part = part};

}  // namespace cleave
