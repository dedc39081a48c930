#include "ops/defs/conv2d_forms.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <type_traits>

#include "ops/defs/word_layer.h"

namespace cleave {

static_assert(std::is_trivially_copyable_v<ConvPanel> && sizeof(ConvPanel) % kCacheLine == 0);
static_assert(sizeof(ConvPanel) <= kFormPlace);

ConvPanel conv_panel(const PackedWeights& packed) {
  ConvPanel head;
  std::memcpy(&head, packed.panel.data(), sizeof head);
  return head;
}

PackedWeights start_panel(const ConvPanel& head, std::int64_t floats) {
  PackedWeights packed;
  packed.panel.resize(sizeof head + static_cast<std::size_t>(floats) * sizeof(float));
  std::memcpy(packed.panel.data(), &head, sizeof head);
  return packed;
}

float* panel_floats(PackedWeights& packed) { return reinterpret_cast<float*>(packed.panel.data() + sizeof(ConvPanel)); }

const float* panel_floats(const PackedWeights& packed) {
  return reinterpret_cast<const float*>(packed.panel.data() + sizeof(ConvPanel));
}

namespace {

// From the first window's first cell to the last one's last.
std::int64_t reach(const WindowAxis& axis) { return (axis.out - 1) * axis.stride + axis.size; }

// Copies row `y` of a sample as the windows want it, with zeros on its left and right, or zeros alone.
void copy_row(const ConstTensorView& input, std::int64_t i, const Convolution& conv, std::int64_t y, float* to) {
  const std::int64_t channels = channels_of(*input.shape);
  float* const end = to + reach(conv.x) * channels;
  if (y >= 0 && y < conv.y.in) {
    const std::int64_t pixels = std::clamp<std::int64_t>(reach(conv.x) - conv.x.before, 0, conv.x.in);
    const float* from = input.row(i, y);
    to = std::fill_n(to, std::min(conv.x.before, reach(conv.x)) * channels, 0.0F);
    to = std::copy_n(from, pixels * channels, to);
  }
  std::fill(to, end, 0.0F);
}

}  // namespace

std::int64_t halo_of(const Convolution& conv) {
  const auto after = [](const WindowAxis& axis) { return reach(axis) - axis.before - axis.in; };
  return std::max({conv.y.before, conv.x.before, after(conv.y), after(conv.x), std::int64_t{0}});
}

std::int64_t haloed_floats(const Convolution& conv) {
  return reach(conv.y) * reach(conv.x) * conv.inputs * conv.groups;
}

std::vector<float> own_scratch(ForwardArgs& args, std::int64_t floats) {
  if (static_cast<std::int64_t>(args.scratch.size()) >= floats) return {};
  std::vector<float> own(static_cast<std::size_t>(floats));
  args.scratch = own;
  return own;
}

WindowImage window_image(const ForwardArgs& args, const Convolution& conv, std::int64_t i) {
  const ConstTensorView& input = args.inputs.front();
  const std::int64_t channels = channels_of(*input.shape);
  if (input.halo >= halo_of(conv))
    return {input.row(i, -conv.y.before) - conv.x.before * channels, input.row_stride(), channels};
  assert(static_cast<std::int64_t>(args.scratch.size()) >= haloed_floats(conv));
  const std::int64_t row = reach(conv.x) * channels;
  for_parts(args.parallel, reach(conv.y), [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t y = from; y < to; ++y) copy_row(input, i, conv, y - conv.y.before, args.scratch.data() + y * row);
  });
  return {args.scratch.data(), row, channels};
}

}  // namespace cleave
