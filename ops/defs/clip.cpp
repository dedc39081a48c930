#include <fmt/format.h>

#include "ops/defs/backward.h"
#include "ops/defs/defs.h"
#include "ops/defs/elementwise.h"

namespace cleave {

namespace {

constexpr FieldDef kFields[] = {
    {.name = "min",
     .kind = Kind::real,
     .doc = "smaller values become this; none do if not given",
     .min = -1e15,
     .max = 1e15},
    {.name = "max",
     .kind = Kind::real,
     .doc = "larger values become this; none do if not given",
     .min = -1e15,
     .max = 1e15},
};

Clamp clamp_of(const Params& params) {
  Clamp clamp;
  if (params.has("min")) clamp.low = static_cast<float>(params.real("min"));
  if (params.has("max")) clamp.high = static_cast<float>(params.real("max"));
  return clamp;
}

float clamped(float x, const Clamp& clamp) { return x < clamp.low ? clamp.low : x > clamp.high ? clamp.high : x; }

TensorType infer(const Params& params, std::span<const TensorType> inputs) {
  check_params(params, kFields);
  if (!params.has("min") && !params.has("max")) throw OpError("needs a min, a max or both");
  const Clamp clamp = clamp_of(params);
  if (clamp.low > clamp.high)
    throw OpError(fmt::format("min must not be above max, got {} and {}", params.real("min"), params.real("max")));
  return {DType::f32, only_input(inputs).shape};
}

void forward(const ForwardArgs& args) {
  map_values(args, [clamp = clamp_of(args.params)](float x) { return clamped(x, clamp); });
}

void update(const UpdateArgs& args) {
  const Clamp clamp = clamp_of(args.params);
  const float* from = args.inputs.front().slices;
  const std::int64_t count = slice_count(args.changed, args.old_output.channels) * args.old_output.channel_size();
  for (std::int64_t i = 0; i < count; ++i) args.slices[i] = clamped(from[i], clamp);
}

void backward(const BackwardArgs& args) {
  float* to = args.input_gradients[0];
  if (to == nullptr) return;
  const Clamp clamp = clamp_of(args.params);
  const float* in = args.inputs.front().data;
  for (std::int64_t i = 0; i < args.gradient.size(); ++i)
    if (in[i] > clamp.low && in[i] < clamp.high) to[i] += args.gradient.data[i];
}

constexpr OpDef clip() {
  OpDef op =
      activation("clip", "x brought into the interval from min to max", forward, update, backward, infer, clamp_of);
  op.fields = kFields;
  return op;
}

}  // namespace

// - clip: {min: 0, max: 6}
constinit const OpDef kClip = clip();

}  // namespace cleave
