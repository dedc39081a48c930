#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "ops/defs/backward.h"
#include "ops/defs/common.h"
#include "ops/defs/defs.h"
#include "ops/defs/pool.h"
#include "ops/defs/update.h"

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

// Writes to every output the values of its window's real cells combined, and then finish(value, number of cells).
template <class Combine, class Finish>
void pool_image(const PoolWindows& pool, std::int64_t channels, const float* image, float* output, float start,
                Combine combine, Finish finish) {
  for (std::int64_t y = 0; y < pool.y.out; ++y)
    for (std::int64_t x = 0; x < pool.x.out; ++x, output += channels) {
      std::fill(output, output + channels, start);
      for (std::int64_t ky = pool.y.first(y); ky < pool.y.last(y); ++ky)
        for (std::int64_t kx = pool.x.first(x); kx < pool.x.last(x); ++kx) {
          const float* cell = image + ((pool.y.start(y) + ky) * pool.x.in + pool.x.start(x) + kx) * channels;
          for (std::int64_t c = 0; c < channels; ++c) output[c] = combine(output[c], cell[c]);
        }
      const std::int64_t cells = (pool.y.last(y) - pool.y.first(y)) * (pool.x.last(x) - pool.x.first(x));
      for (std::int64_t c = 0; c < channels; ++c) output[c] = finish(output[c], static_cast<float>(cells));
    }
}

template <class Combine, class Finish>
void pool_batch(const ForwardArgs& args, float start, Combine combine, Finish finish) {
  const ConstTensorView& input = args.inputs.front();
  const PoolWindows pool = pool_windows(args.params, *input.shape);
  for (std::int64_t i = 0; i < input.batch; ++i)
    pool_image(pool, channels_of(*input.shape), input.sample(i), args.output.sample(i), start, combine, finish);
}

void forward_max(const ForwardArgs& args) {
  pool_batch(
      args, -std::numeric_limits<float>::infinity(), [](float a, float b) { return a < b ? b : a; },
      [](float value, float) { return value; });
}

void forward_mean(const ForwardArgs& args) {
  pool_batch(
      args, 0.0F, [](float a, float b) { return a + b; }, [](float sum, float cells) { return sum / cells; });
}

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
                                  .part = part};

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
                                   .part = part};

}  // namespace cleave
