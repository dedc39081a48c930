#include <algorithm>

#include "ops/defs/common.h"
#include "ops/defs/defs.h"

namespace cleave {

namespace {

constexpr FieldDef kFields[] = {
    {.name = "size",
     .kind = Kind::integer,
     .doc = "rows and columns of zeros on each of the four sides",
     .required = true,
     .min = 0,
     .max = 1e4},
};

TensorType infer(const Params& params, std::span<const TensorType> inputs) {
  check_params(params, kFields);
  const Shape& shape = only_image(inputs).shape;
  const std::int64_t size = params.integer("size");
  return output_type(DType::f32, {shape[0], shape[1] + 2 * size, shape[2] + 2 * size});
}

void forward(const ForwardArgs& args) {
  const ConstTensorView& input = args.inputs.front();
  const Shape& shape = *input.shape;
  const std::int64_t size = args.params.integer("size");
  const std::int64_t run = shape[2] * shape[0];
  const std::int64_t padded_run = (shape[2] + 2 * size) * shape[0];
  const std::span<float> output = args.output.values();
  std::fill(output.begin(), output.end(), 0.0F);
  for (std::int64_t i = 0; i < input.batch; ++i)
    for (std::int64_t y = 0; y < shape[1]; ++y)
      std::copy_n(input.sample(i) + y * run, run, args.output.sample(i) + (y + size) * padded_run + size * shape[0]);
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
                              .forward = forward};

}  // namespace cleave
