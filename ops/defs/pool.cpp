#include <fmt/format.h>

#include "ops/defs/backward.h"
#include "ops/defs/common.h"
#include "ops/defs/defs.h"
#include "ops/defs/halo.h"
#include "ops/defs/pool.h"
#include "ops/defs/update.h"
#include "ops/kernels/infer_kernels.h"

namespace cleave {

namespace {

constexpr FieldDef kFields[] = {
    {.name = "size",
     .kind = Kind::integer,
     .doc = "side of the square window; all: the whole image",
     .required = true,
     .min = 1,
     .max = 1e6,
     .words = "all"},
    {.name = "stride",
     .kind = Kind::integer,
     .doc = "step of the window; as the size if not given",
     .min = 1,
     .max = 1e6},
    {.name = "padding",
     .kind = Kind::integer,
     .doc = "cells on each side, less than the size; they count in neither maximum nor mean",
     .fallback = "0",
     .min = 0,
     .max = 1e6},
    {.name = "padding_rows",
     .kind = Kind::integers,
     .doc = "[above, below]: cells in the rows, where not as in the columns",
     .min = 0,
     .max = 1e6},
    {.name = "padding_columns",
     .kind = Kind::integers,
     .doc = "[left, right]: cells in the columns, where not as in the rows",
     .min = 0,
     .max = 1e6},
};

}  // namespace

PoolWindows pool_windows(const Params& params, const Shape& input) {
  const std::int64_t padding = params.integer("padding", 0);
  if (params.text("size") == "all") {
    if (padding != 0 || params.has("stride") || params.has("padding_rows") || params.has("padding_columns"))
      throw OpError("takes neither stride nor padding with size: all");
    return {{.in = input[1], .out = 1, .size = input[1]}, {.in = input[2], .out = 1, .size = input[2]}};
  }
  const std::int64_t size = params.integer("size");
  const std::int64_t stride = params.integer("stride", size);
  if (padding >= size) throw OpError(fmt::format("padding must be less than the size {}, got {}", size, padding));
  const Margins rows = row_margins(params, "padding_rows", padding, size - 1);
  return {
      padded_axis("a window", input[1], size, stride, rows),
      padded_axis("a window", input[2], size, stride, column_margins(params, "padding_columns", padding, size - 1))};
}

namespace {

Shape pooled_shape(const Params& params, std::span<const TensorType> inputs) {
  check_params(params, kFields);
  const Shape& input = only_image(inputs).shape;
  const PoolWindows pool = pool_windows(params, input);
  return {channels_of(input), pool.y.out, pool.x.out};
}

TensorType infer_max(const Params& params, std::span<const TensorType> inputs) {
  return output_type(inputs.empty() ? DType::f32 : inputs.front().dtype, pooled_shape(params, inputs));
}

TensorType infer_mean(const Params& params, std::span<const TensorType> inputs) {
  return output_type(DType::f32, pooled_shape(params, inputs));
}

}  // namespace

void pool_batch(const ForwardArgs& args, PoolRows rows) {
  const ConstTensorView& input = args.inputs.front();
  const PoolWindows pool = pool_windows(args.params, *input.shape);
  for (std::int64_t i = 0; i < input.batch; ++i) {
    const Pooling of_image = {.input = input.row(i, 0),
                              .in_row = input.row_stride(),
                              .in_rows = pool.y.in,
                              .in_columns = pool.x.in,
                              .channels = channels_of(*input.shape),
                              .size_y = pool.y.size,
                              .size_x = pool.x.size,
                              .stride_y = pool.y.stride,
                              .stride_x = pool.x.stride,
                              .above = pool.y.before,
                              .left = pool.x.before,
                              .output = args.output.row(i, 0),
                              .out_row = args.output.row_stride(),
                              .columns = pool.x.out};
    clear_halo(args.output, i);
    for_parts(args.parallel, pool.y.out, [&](std::int64_t from, std::int64_t to) { rows(of_image, from, to); });
  }
}

namespace {

void forward_max(const ForwardArgs& args) { pool_batch(args, infer_kernels().pool_largest); }

void forward_mean(const ForwardArgs& args) { pool_batch(args, infer_kernels().pool_mean); }

// Windows are cut off at the image's edge: no halo is wanted, and any can be read.
std::int64_t halo(const Params&, std::span<const TensorType>) { return 0; }

OpPart part(const Params& params, std::span<const TensorType> inputs, PartAxis axis, Range wanted) {
  if (axis == PartAxis::channels) return part_alike(params, inputs, axis, wanted);
  const WindowPart rows = part_of(pool_windows(params, inputs.front().shape).y, wanted);
  OpPart part{params, rows.computed, {rows.input}};
  part.params.set("padding_rows", std::vector<std::int64_t>{rows.padding.before, rows.padding.after});
  return part;
}

}  // namespace

// - max_pool: {size: 2}
constinit const OpDef kMaxPool = {.name = "max_pool",
                                  .doc = "the largest value of each window; padding does not count",
                                  .fields = kFields,
                                  .infer = infer_max,
                                  .weights = nullptr,
                                  .cost = traffic_cost,
                                  .pack = nullptr,
                                  .forward = forward_max,
                                  .reach = reach_elementwise,
                                  .update = update_max_pool,
                                  .backward = backward_max_pool,
                                  .part = part,
                                  .halo = halo,
                                  .writes_halo = true};

// - mean_pool: {size: all}
constinit const OpDef kMeanPool = {.name = "mean_pool",
                                   .doc = "the mean of each window's real cells; padding does not count",
                                   .fields = kFields,
                                   .infer = infer_mean,
                                   .weights = nullptr,
                                   .cost = traffic_cost,
                                   .pack = nullptr,
                                   .forward = forward_mean,
                                   .reach = reach_elementwise,
                                   .update = update_mean_pool,
                                   .backward = backward_mean_pool,
                                   .part = part,
                                   .halo = halo,
                                   .writes_halo = true};

}  // namespace cleave
