// conv2d as the language has it. How it is computed depends on the form that `pack` chooses: conv2d_forms.h.
#include <numeric>

#include <fmt/format.h>

#include "ops/defs/backward.h"
#include "ops/defs/binary_layer.h"
#include "ops/defs/common.h"
#include "ops/defs/conv2d_forms.h"
#include "ops/defs/convolution.h"
#include "ops/defs/defs.h"
#include "ops/defs/int8_layer.h"
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
    kInputScaleField,
};

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
  check_int8(params, conv);
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
  return layer_cost(conv.taps() * element_count(output.shape), weights(params, inputs, type), stored_type(params, type),
                    inputs, output, batch);
}

PackedWeights pack(const Params& params, std::span<const TensorType> inputs,
                   LayerWeights weights) {  // NOLINT(performance-unnecessary-value-param): as OpDef has it
  const Convolution conv = convolution(params, inputs.front().shape);
  const LayerArrays layer = layer_arrays(weights, has_bias(params));
  const bool int8 = is_int8_layer(params);
  if (!int8 && !is_bit_layer(conv, weights, inputs)) return pack_real(conv, layer, infer_kernels());
  PackedWeights packed;
  packed.panel = int8 ? pack_int8(conv, int8_kernels(), layer, int8_input_scale(params))
                      : pack_binary(conv, plan_binary(binary_kernels(), conv, weights.type), layer);
  *part_at<ConvPanel>(packed.panel, 0) = {.conv = conv, .form = int8 ? ConvForm::int8 : ConvForm::binary};
  return packed;
}

void forward_words(const ForwardArgs& args, const ConvPanel& panel) {
  const bool int8 = panel.form == ConvForm::int8;
  std::vector<float> own;
  const std::span<float> scratch =
      scratch_of(args, int8 ? int8_scratch(panel.conv, int8_kernels()) : binary_scratch(panel.conv), own);
  for_images(args, [&](const WordJob& job) {
    (int8 ? forward_int8 : forward_binary)(panel.conv, args.weights->panel, job, scratch);
  });
}

void forward(const ForwardArgs& args) {
  const ConvPanel panel = conv_panel(*args.weights);
  switch (panel.form) {
    case ConvForm::direct: return forward_direct(args);
    case ConvForm::pairs: return forward_pairs(args);
    case ConvForm::depthwise: return forward_depthwise(args);
    case ConvForm::binary:
    case ConvForm::int8: return forward_words(args, panel);
  }
}

std::int64_t halo(const Params& params, std::span<const TensorType> inputs) {
  return is_int8_layer(params) || inputs.front().dtype == DType::bit
             ? 0
             : real_halo(convolution(params, inputs.front().shape));
}

std::int64_t scratch(const Params& params, std::span<const TensorType> inputs, const WeightType& type,
                     std::int64_t given) {
  const Convolution conv = convolution(params, inputs.front().shape);
  if (is_int8_layer(params)) return int8_scratch(conv, int8_kernels());
  return is_bit_layer(conv, type, inputs) ? binary_scratch(conv) : real_scratch(conv, given);
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
                                 .branch = branch,
                                 .fuses = true,
                                 .halo = halo,
                                 .writes_halo = true,
                                 .scratch = scratch};

}  // namespace cleave
