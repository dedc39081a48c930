// Convolutions of real weights: which form they take, and what the forms share.
#include <algorithm>

#include "ops/defs/conv2d_forms.h"

namespace cleave {

ConvForm real_form(const Convolution& conv) {
  constexpr std::int64_t kEnough = 8;  // inputs that are worth starting a sum four times
  if (conv.inputs == 1 && conv.filters == 1) return ConvForm::depthwise;
  const bool pays = conv.kernel == 3 && conv.x.stride == 1 && conv.inputs >= kEnough && conv.x.out > 3;
  return pays ? ConvForm::pairs : ConvForm::direct;
}

PackedWeights pack_real(const Convolution& conv, const LayerArrays& layer, const InferKernels& kernels) {
  switch (real_form(conv)) {
    case ConvForm::pairs: return pack_pairs(conv, layer, kernels);
    case ConvForm::depthwise: return pack_depthwise(conv, layer, kernels);
    default: return pack_direct(conv, layer, kernels);
  }
}

std::int64_t real_halo(const Convolution& conv) { return real_form(conv) == ConvForm::pairs ? 0 : halo_of(conv); }

std::int64_t real_scratch(const Convolution& conv, std::int64_t halo) {
  if (real_form(conv) == ConvForm::pairs) return pairs_scratch(conv);
  return halo >= halo_of(conv) ? 0 : haloed_floats(conv);
}

std::int64_t vectors_of(const Convolution& conv, const InferKernels& kernels) {
  return (conv.filters + kernels.lanes - 1) / kernels.lanes;
}

namespace {

// What a row of `columns` outputs of one block takes for each input, in halves of a cycle on a processor of two
// multiply-adds and two loads a cycle, four cycles each: every tile of p pixels and v vectors does p·v multiply-adds
// for p + v loads.
std::int64_t row_time(std::int64_t columns, std::int64_t vectors, std::int64_t most_pixels) {
  constexpr std::int64_t kInFlight = 8;
  const std::int64_t tiles = (columns + most_pixels - 1) / most_pixels;
  std::int64_t time = 0;
  for (std::int64_t t = 0; t < tiles; ++t) {
    const std::int64_t pixels = columns * (t + 1) / tiles - columns * t / tiles;
    time += std::max({pixels * vectors, pixels + vectors, kInFlight});
  }
  return time;
}

}  // namespace

int best_vectors(const Convolution& conv, const InferKernels& kernels, std::int64_t columns) {
  const std::int64_t vectors = vectors_of(conv, kernels);
  int best = 1;
  std::int64_t least = 0;
  for (int width = 1; width <= kMostVectors && width <= vectors; ++width) {
    if (kernels.most_pixels[width] == 0) continue;
    std::int64_t time = vectors / width * row_time(columns, width, kernels.most_pixels[width]);
    if (const auto rest = vectors % width; rest != 0) time += row_time(columns, rest, kernels.most_pixels[rest]);
    if (width > 1 && time >= least) continue;
    best = width;
    least = time;
  }
  return best;
}

FilterPlace filter_place(const ConvPanel& head, std::int64_t filter, std::int64_t taps) {
  const std::int64_t lanes = head.kernels->lanes;
  const std::int64_t vectors = vectors_of(head.conv, *head.kernels);
  const std::int64_t group = filter / head.conv.filters;
  const std::int64_t in_group = filter % head.conv.filters;
  const std::int64_t vector = in_group / lanes;
  const std::int64_t first = vector / head.vectors * head.vectors;  // of the block
  const std::int64_t width = std::min<std::int64_t>(head.vectors, vectors - first);
  return {(group * vectors + first) * lanes * taps + (vector - first) * lanes + in_group % lanes, width * lanes};
}

void set_bias(const ConvPanel& head, const LayerArrays& layer, float* bias) {
  if (layer.bias == nullptr) return;
  for (std::int64_t filter = 0; filter < head.conv.groups * head.conv.filters; ++filter)
    bias[filter_place(head, filter, 1).first] = layer.bias->data()[filter];
}

ImageOut image_out(const ForwardArgs& args, std::int64_t i) {
  const TensorView& output = args.output;
  const bool adds = args.add.data != nullptr;
  return {.data = output.row(i, 0),
          .row = output.row_stride(),
          .pixel = channels_of(*output.shape),
          .add = adds ? args.add.row(i, 0) : nullptr,
          .add_row = adds ? args.add.row_stride() : 0,
          .add_pixel = adds ? channels_of(*args.add.shape) : 0,
          .low = args.clamp.low,
          .high = args.clamp.high};
}

}  // namespace cleave
