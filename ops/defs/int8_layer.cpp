#include "ops/defs/int8_layer.h"

#include <cmath>

namespace cleave {

namespace {

struct Int8Plan {
  const Int8Kernels* kernels;
  bool each;  // a filter per channel
  float inverse;
};

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

bool is_each(const Convolution& conv) { return conv.inputs == 1 && conv.filters == 1 && conv.groups > 1; }

// A filter per channel is laid out as one group of all channels, each of which has but one input.
WordLayout layout_of(const Convolution& conv, const Int8Kernels& kernels, bool each) {
  WordLayout layout{.conv = conv, .lanes = kernels.lanes};
  if (each) {
    layout.conv.groups = 1;
    layout.conv.filters = conv.groups;
  }
  layout.vectors = ceil_div(layout.conv.filters, kernels.lanes);
  layout.used_units = each ? 1 : ceil_div(conv.inputs, kernels.channels);
  layout.units = each ? layout.vectors * kernels.lanes : layout.used_units;
  layout.vector_words = layout.steps() * kernels.lanes;
  return layout;
}

// Writes the weight of channel `c` in cell `cell` of filter `f`; `channels` of them share a word.
void put(const WordLayout& layout, std::int64_t channels, std::uint32_t* weights, std::int64_t f, std::int64_t cell,
         std::int64_t c, std::int32_t value) {
  const std::int64_t place = layout.place(f);
  const std::int64_t step = cell * layout.used_units + c / channels;
  const std::int64_t bits = 32 / channels;
  const std::uint32_t mask = (1U << bits) - 1;
  weights[place / layout.lanes * layout.vector_words + step * layout.lanes + place % layout.lanes] |=
      (static_cast<std::uint32_t>(value) & mask) << c % channels * bits;
}

}  // namespace

void check_int8(const Params& params, const Convolution& conv) {
  if (!is_int8_layer(params) || conv.taps() <= kMostInt8Products) return;
  throw OpError(fmt::format("input_scale: int8 sums have at most {} products, this layer's have {}", kMostInt8Products,
                            conv.taps()));
}

WeightType stored_type(const Params& params, WeightType type) {
  constexpr int kBits = 8;
  if (is_int8_layer(params)) type.bits = std::min(type.bits, kBits);
  return type;
}

float int8_scale(const float* weights, std::int64_t count) {
  float most = 0;
  for (std::int64_t i = 0; i < count; ++i) most = std::max(most, std::abs(weights[i]));
  const float scale = most / static_cast<float>(kMostInt8);
  return scale > 0 ? scale : 1.0F;
}

std::int32_t int8_value(float weight, float scale) {
  constexpr auto kMost = static_cast<float>(kMostInt8);
  return static_cast<std::int32_t>(std::clamp(std::nearbyint(weight / scale), -kMost, kMost));
}

LineBytes pack_int8(const Convolution& conv, const Int8Kernels& kernels, const LayerArrays& layer, float input_scale) {
  const Int8Plan plan{&kernels, is_each(conv), 1 / input_scale};
  const WordLayout layout = layout_of(conv, kernels, plan.each);
  LineBytes panel = make_panel(layout, layer, input_scale);
  *part_at<Int8Plan>(panel, kFormPlace) = plan;
  const WordPlaces places = places_of(layout);
  const float* from = layer.kernel->data();  // [filter][input][cell]
  for (std::int64_t f = 0; f < conv.groups * conv.filters; ++f) {
    const float scale = int8_scale(from, conv.taps());
    part_at<float>(panel, places.scale)[layout.place(f)] *= scale;
    std::int32_t& base = part_at<std::int32_t>(panel, places.base)[layout.place(f)];
    for (std::int64_t c = 0; c < conv.inputs; ++c)
      for (std::int64_t cell = 0; cell < layout.cells(); ++cell) {
        const std::int32_t value = int8_value(*from++, scale);
        put(layout, plan.each ? 2 : kernels.channels, part_at<std::uint32_t>(panel, places.weights), f, cell, c, value);
        if (!plan.each) base -= static_cast<std::int32_t>(kernels.offset) * value;
      }
  }
  return panel;
}

std::int64_t int8_scratch(const Convolution& conv, const Int8Kernels& kernels) {
  const bool each = is_each(conv);
  const WordLayout layout = layout_of(conv, kernels, each);
  const std::int64_t units = layout.rows() * layout.row_units();
  return each ? (units + 1) / 2 : units;
}

void forward_int8(const Convolution& conv, const LineBytes& panel, const WordJob& job, std::span<float> scratch) {
  const Int8Plan plan = *part_at<Int8Plan>(panel, kFormPlace);
  const Int8Kernels& kernels = *plan.kernels;
  const WordLayout layout = layout_of(conv, kernels, plan.each);
  const std::int64_t pixel = layout.conv.groups * layout.units;
  // Fills a row with the halo's units, and the real ones by pack_units(first).
  const auto write_row = [&](auto* image, std::int64_t row, const float* input, auto halo, const auto& pack_units) {
    auto* to = image + row * layout.row_units();
    if (input == nullptr) return std::fill(to, to + layout.row_units(), halo);
    std::fill(to, to + conv.x.before * pixel, halo);
    pack_units(to + conv.x.before * pixel);
    std::fill(to + (conv.x.before + conv.x.in) * pixel, to + layout.row_units(), halo);
  };
  if (plan.each) {
    auto* image = reinterpret_cast<std::int16_t*>(scratch.data());
    run_words(layout, panel, kernels.run_each, job, image, [&](const float* input, std::int64_t row) {
      write_row(image, row, input, std::int16_t{0},
                [&](std::int16_t* to) { kernels.pack_each(input, conv.x.in, conv.groups, plan.inverse, to); });
    });
  } else {
    auto* image = reinterpret_cast<std::uint32_t*>(scratch.data());
    const std::uint32_t zero = 0x01010101U * static_cast<std::uint32_t>(kernels.offset);
    run_words(layout, panel, kernels.run, job, image, [&](const float* input, std::int64_t row) {
      write_row(image, row, input, zero, [&](std::uint32_t* to) {
        kernels.pack(input, conv.x.in * conv.groups, conv.inputs, plan.inverse, to);
      });
    });
  }
}

}  // namespace cleave
