// Direct convolution over [H, W, C] images, without im2col.
//
// Kernels are packed [group][ky][kx][input][filter], the filters of a group filled up with zeros to whole vectors of
// four. For one output pixel, up to four vectors of filters are summed in registers: every real cell of the window
// gives one input value at a time, which is multiplied with a contiguous row of filters. Padding is skipped by clamping
// the window's range. Each output is summed in the order bias, ky, kx, input, whatever its place and the batch.
#include <array>
#include <cstring>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "ops/defs/backward.h"
#include "ops/defs/common.h"
#include "ops/defs/convolution.h"
#include "ops/defs/defs.h"
#include "ops/defs/update.h"

namespace cleave {

namespace {

constexpr std::int64_t kMaxPadding = 255;

constexpr FieldDef kFields[] = {
    {.name = "filters", .kind = Kind::integer, .doc = "output channels", .required = true, .min = 1, .max = 1e6},
    {.name = "kernel",
     .kind = Kind::integer,
     .doc = "side of the square window",
     .required = true,
     .min = 1,
     .max = 255},
    {.name = "stride", .kind = Kind::integer, .doc = "step of the window", .fallback = "1", .min = 1, .max = 255},
    {.name = "padding",
     .kind = Kind::integer,
     .doc = "zeros on each side; same: as many as give ceil(size / stride) outputs; valid: none",
     .fallback = "0",
     .min = 0,
     .max = kMaxPadding,
     .words = "same|valid"},
    {.name = "padding_rows",
     .kind = Kind::integers,
     .doc = "[above, below]: zeros in the rows, where not as in the columns",
     .min = 0,
     .max = kMaxPadding},
    {.name = "groups",
     .kind = Kind::integer,
     .doc = "parts of the channels that do not see each other",
     .fallback = "1",
     .min = 1,
     .max = 1e6},
    {.name = "bias", .kind = Kind::boolean, .doc = "add one number per filter", .fallback = "true"},
};

constexpr std::int64_t kVector = 4;
using Vector = float __attribute__((vector_size(kVector * sizeof(float))));

// The filters of a group, filled up to whole vectors.
std::int64_t row_of(const Convolution& conv) { return (conv.filters + kVector - 1) / kVector * kVector; }

bool has_bias(const Params& params) { return params.boolean("bias", true); }

void check_groups(std::int64_t groups, std::int64_t channels, std::int64_t filters) {
  if (channels % groups == 0 && filters % groups == 0) return;
  throw OpError(
      fmt::format("groups must divide channels and filters, got {} groups, {} channels and {} filters: try {}", groups,
                  channels, filters, std::gcd(channels, filters)));
}

WindowAxis window(const Params& params, std::int64_t in) {
  const std::int64_t size = params.integer("kernel");
  const std::int64_t stride = params.integer("stride", 1);
  if (params.text("padding") == "same") return same_axis(in, size, stride);
  const std::int64_t padding = params.integer("padding", 0);
  return padded_axis("a kernel", in, size, stride, {padding, padding});
}

WindowAxis row_window(const Params& params, std::int64_t in) {
  if (!params.has("padding_rows")) return window(params, in);
  return padded_axis("a kernel", in, params.integer("kernel"), params.integer("stride", 1),
                     row_margins(params, "padding_rows", 0, kMaxPadding));
}

}  // namespace

Convolution convolution(const Params& params, const Shape& input) {
  const std::int64_t filters = params.integer("filters");
  Convolution conv;
  conv.kernel = params.integer("kernel");
  conv.groups = params.integer("groups", 1);
  check_groups(conv.groups, channels_of(input), filters);
  conv.inputs = channels_of(input) / conv.groups;
  conv.filters = filters / conv.groups;
  conv.y = row_window(params, input[1]);
  conv.x = window(params, input[2]);
  return conv;
}

namespace {

TensorType infer(const Params& params, std::span<const TensorType> inputs) {
  check_params(params, kFields);
  const Convolution conv = convolution(params, only_image(inputs).shape);
  layer_slots({conv.filters * conv.groups, conv.inputs, conv.kernel, conv.kernel}, {}, false);  // not too large
  return output_type(DType::f32, {conv.filters * conv.groups, conv.y.out, conv.x.out});
}

std::vector<WeightSlot> weights(const Params& params, std::span<const TensorType> inputs, const WeightType& type) {
  check_params(params, kFields);
  const Convolution conv = convolution(params, only_image(inputs).shape);
  return layer_slots({conv.filters * conv.groups, conv.inputs, conv.kernel, conv.kernel}, type, has_bias(params));
}

Cost cost(const Params& params, std::span<const TensorType> inputs, const TensorType& output, const WeightType& type,
          std::int64_t batch) {
  const Convolution conv = convolution(params, inputs.front().shape);
  return layer_cost(conv.taps() * element_count(output.shape), weights(params, inputs, type), type, inputs, output,
                    batch);
}

// Packed: [0] the kernel as above with the scale multiplied in, [1] the bias [group][row], zeros when there is none.
PackedWeights pack(const Params& params, std::span<const TensorType> inputs,
                   LayerWeights weights) {  // NOLINT(performance-unnecessary-value-param): as OpDef has it
  const Convolution conv = convolution(params, inputs.front().shape);
  const LayerArrays layer = layer_arrays(weights, has_bias(params));
  std::vector<float> kernel(static_cast<std::size_t>(conv.groups * conv.taps() * row_of(conv)));
  std::vector<float> bias(static_cast<std::size_t>(conv.groups * row_of(conv)));
  const float* from = layer.kernel->data();  // [filter][input][ky][kx]
  for (std::int64_t filter = 0; filter < conv.groups * conv.filters; ++filter) {
    const std::int64_t group = filter / conv.filters;
    const std::int64_t lane = filter % conv.filters;
    const float scale = layer.scale == nullptr ? 1.0F : layer.scale->data()[filter];
    if (layer.bias != nullptr) bias[static_cast<std::size_t>(group * row_of(conv) + lane)] = layer.bias->data()[filter];
    for (std::int64_t input = 0; input < conv.inputs; ++input)
      for (std::int64_t cell = 0; cell < conv.kernel * conv.kernel; ++cell) {
        const std::int64_t tap = group * conv.taps() + cell * conv.inputs + input;
        kernel[static_cast<std::size_t>(tap * row_of(conv) + lane)] = scale * *from++;
      }
  }
  return {{std::move(kernel), std::move(bias)}, {}};
}

// What one output pixel of one group reads and writes.
struct Pixel {
  const float* image;   // of the whole sample, at the group's first channel
  const float* kernel;  // of the group, at the first filter wanted
  const float* bias;
  float* output;
  std::int64_t y, x;
  std::int64_t filters;  // to be written, at most kVectors * kVector
};

template <int kVectors>
void sum_window(const Convolution& conv, const Pixel& pixel) {
  std::array<Vector, kVectors> sums;
  std::memcpy(&sums, pixel.bias, sizeof sums);
  const std::int64_t channels = conv.inputs * conv.groups;
  for (std::int64_t ky = conv.y.first(pixel.y); ky < conv.y.last(pixel.y); ++ky)
    for (std::int64_t kx = conv.x.first(pixel.x); kx < conv.x.last(pixel.x); ++kx) {
      const std::int64_t cell = (conv.y.start(pixel.y) + ky) * conv.x.in + conv.x.start(pixel.x) + kx;
      const float* from = pixel.image + cell * channels;
      const float* row = pixel.kernel + (ky * conv.kernel + kx) * conv.inputs * row_of(conv);
      for (std::int64_t i = 0; i < conv.inputs; ++i, row += row_of(conv)) {
        std::array<Vector, kVectors> factors;
        std::memcpy(&factors, row, sizeof factors);
        for (std::size_t v = 0; v < kVectors; ++v) sums[v] += factors[v] * from[i];
      }
    }
  std::memcpy(pixel.output, &sums, static_cast<std::size_t>(pixel.filters) * sizeof(float));
}

void sum_filters(const Convolution& conv, const Pixel& pixel) {
  constexpr std::int64_t kBlock = 4 * kVector;
  for (std::int64_t first = 0; first < conv.filters; first += kBlock) {
    Pixel part = pixel;
    part.kernel += first;
    part.bias += first;
    part.output += first;
    part.filters = std::min(kBlock, conv.filters - first);
    switch ((part.filters + kVector - 1) / kVector) {
      case 1: sum_window<1>(conv, part); break;
      case 2: sum_window<2>(conv, part); break;
      case 3: sum_window<3>(conv, part); break;
      default: sum_window<4>(conv, part); break;
    }
  }
}

void forward_image(const Convolution& conv, const PackedWeights& weights, const float* image, float* output) {
  for (std::int64_t y = 0; y < conv.y.out; ++y)
    for (std::int64_t x = 0; x < conv.x.out; ++x)
      for (std::int64_t group = 0; group < conv.groups; ++group) {
        sum_filters(conv, {.image = image + group * conv.inputs,
                           .kernel = weights.arrays[0].data() + group * conv.taps() * row_of(conv),
                           .bias = weights.arrays[1].data() + group * row_of(conv),
                           .output = output,
                           .y = y,
                           .x = x,
                           .filters = conv.filters});
        output += conv.filters;
      }
}

void forward(const ForwardArgs& args) {
  const ConstTensorView& input = args.inputs.front();
  const Convolution conv = convolution(args.params, *input.shape);
  for (std::int64_t i = 0; i < input.batch; ++i)
    forward_image(conv, *args.weights, input.sample(i), args.output.sample(i));
}

// Filters of one group, or whole groups; more than one group is never parted inside.
OpPart part_of_filters(const Params& params, const Convolution& conv, Range wanted) {
  const Range groups{wanted.from / conv.filters, (wanted.to + conv.filters - 1) / conv.filters};
  OpPart part{params, wanted, {{groups.from * conv.inputs, groups.to * conv.inputs}}};
  if (groups.size() > 1) part.computed = {groups.from * conv.filters, groups.to * conv.filters};
  part.params.set("filters", part.computed.size());
  if (conv.groups > 1) part.params.set("groups", groups.size());
  return part;
}

OpPart part(const Params& params, std::span<const TensorType> inputs, PartAxis axis, Range wanted) {
  const Convolution conv = convolution(params, inputs.front().shape);
  if (axis == PartAxis::channels) return part_of_filters(params, conv, wanted);
  const WindowPart rows = part_of(conv.y, wanted);
  OpPart part{params, rows.computed, {rows.input}};
  part.params.set("padding_rows", std::vector<std::int64_t>{rows.padding.before, rows.padding.after});
  return part;
}

Params branch(const Params& params, std::int64_t ways, bool whole_input) {
  Params narrow = params;
  narrow.set("filters", branch_share("filters", params.integer("filters"), ways));
  const std::int64_t groups = params.integer("groups", 1);
  if (groups > 1 && whole_input) throw OpError("has groups of the network's input, which branches do not divide");
  if (groups > 1) narrow.set("groups", branch_share("groups", groups, ways));
  return narrow;
}

}  // namespace

// - conv2d: {filters: 16, kernel: 3, padding: same}
constinit const OpDef kConv2d = {.name = "conv2d",
                                 .doc = "every filter slides a square window over the image",
                                 .fields = kFields,
                                 .infer = infer,
                                 .weights = weights,
                                 .cost = cost,
                                 .pack = pack,
                                 .forward = forward,
                                 .reach = reach_conv2d,
                                 .update = update_conv2d,
                                 .backward = backward_conv2d,
                                 .part = part,
                                 .branch = branch};

}  // namespace cleave
