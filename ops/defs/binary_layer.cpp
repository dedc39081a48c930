#include "ops/defs/binary_layer.h"

#include <cstring>

#include "ops/core/weight_grid.h"

namespace cleave {

namespace {

constexpr std::int64_t kBits = 32;  // of a word
constexpr std::int64_t kCodes = 8;  // bytes with four bits each, of a word

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

WordLayout layout_of(const Convolution& conv, const BinaryPlan& plan) {
  const std::int64_t words = ceil_div(conv.inputs, kBits);
  WordLayout layout{.conv = conv, .lanes = plan.kernels->lanes};
  layout.vectors = ceil_div(conv.filters, layout.lanes);
  layout.units = layout.used_units = words;
  layout.halo_sums = true;
  if (plan.form == BinaryForm::table) {
    layout.vectors = ceil_div(layout.vectors, kTableVectors) * kTableVectors;
    layout.units = kCodes * words;
    layout.used_units = ceil_div(conv.inputs, 4);
    layout.vector_words = layout.steps() * layout.lanes / kTableVectors;
  } else {
    layout.vector_words = layout.steps() * layout.lanes * kBinaryPlanes[static_cast<int>(plan.weights)];
  }
  return layout;
}

// Where the weight of channel `c` in cell `cell` of filter `f` goes.
struct WeightBit {
  const WordLayout& layout;
  BinaryPlan plan;
  std::uint32_t* weights;

  void set(std::int64_t f, std::int64_t cell, std::int64_t c, std::int64_t plane) const {
    const std::int64_t lanes = layout.lanes;
    const std::int64_t vector = layout.place(f) / lanes;
    const std::int64_t lane = layout.place(f) % lanes;
    if (plan.form != BinaryForm::table) {
      const std::int64_t step = cell * layout.used_units + c / kBits;
      const std::int64_t planes = kBinaryPlanes[static_cast<int>(plan.weights)];
      weights[vector * layout.vector_words + (step * planes + plane) * lanes + lane] |= 1U << c % kBits;
      return;
    }
    constexpr std::int64_t kByteOf[] = {0, 2, 1, 3};  // the inverse of kTableQuarter
    const std::int64_t step = cell * layout.used_units + c / 4;
    const std::int64_t four = vector / kTableVectors * kTableVectors;
    std::uint32_t& word = weights[four * layout.vector_words + step * lanes + lane];
    word |= 1U << (8 * kByteOf[vector % kTableVectors] + c % 4);
  }
};

void pack_filters(const WordLayout& layout, const BinaryPlan& plan, const std::vector<float>& kernel,
                  LineBytes& panel) {
  const WordPlaces places = places_of(layout);
  const WeightBit bits{layout, plan, part_at<std::uint32_t>(panel, places.weights)};
  const float* from = kernel.data();  // [filter][input][cell]
  for (std::int64_t f = 0; f < layout.conv.groups * layout.conv.filters; ++f) {
    const std::int64_t at = layout.place(f);
    std::int32_t& base = part_at<std::int32_t>(panel, places.base)[at];
    std::int32_t* halo = part_at<std::int32_t>(panel, places.halo_sums) +
                         at / layout.lanes * layout.cells() * layout.lanes + at % layout.lanes;
    for (std::int64_t c = 0; c < layout.conv.inputs; ++c)
      for (std::int64_t cell = 0; cell < layout.cells(); ++cell) {
        const float weight = *from++;
        halo[cell * layout.lanes] += static_cast<std::int32_t>(weight);
        if (weight != 0) ++base;
        if (weight > 0) bits.set(f, cell, c, 0);
        if (weight != 0 && plan.weights == BinaryWeights::ternary) bits.set(f, cell, c, 1);
      }
  }
}

// Writes 16·(four bits) for each half byte of the words.
void spread(const std::uint32_t* words, std::int64_t count, std::uint8_t* codes) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint64_t word = words[i];
    word = (word | word << 16) & 0x0000FFFF0000FFFFULL;
    word = (word | word << 8) & 0x00FF00FF00FF00FFULL;
    word = (word << 4 | word << 8) & 0xF0F0F0F0F0F0F0F0ULL;
    std::memcpy(codes + kCodes * i, &word, sizeof word);
  }
}

}  // namespace

bool is_bit_layer(const Convolution& conv, const WeightType& type, std::span<const TensorType> inputs) {
  constexpr std::int64_t kEnough = 8;  // inputs; that it asks nothing of the filters lets a split give the same bits
  const bool small = type.is_binary() || type.grid == WeightType::Grid::ternary;
  return small && inputs.front().dtype == DType::bit && conv.inputs >= kEnough;
}

bool is_bit_layer(const Convolution& conv, const LayerWeights& weights, std::span<const TensorType> inputs) {
  if (!is_bit_layer(conv, weights.type, inputs)) return false;
  const std::vector<float>& kernel = weights.arrays.front();
  const WeightGrid grid = kernel_grid(weights.type, {1, std::ssize(kernel)});
  return std::all_of(kernel.begin(), kernel.end(), [&](float weight) { return grid.holds(weight); });
}

std::vector<BinaryForm> forms_of(const BinaryKernels& kernels, BinaryWeights weights) {
  std::vector<BinaryForm> forms;
  for (const BinaryForm form : {BinaryForm::count, BinaryForm::carry, BinaryForm::table})
    if (kernels.run[static_cast<int>(form)][static_cast<int>(weights)] != nullptr) forms.push_back(form);
  return forms;
}

// Measured by bench/binary_bench.cpp. Where counting is no matter of one instruction, words are added up first as soon
// as there are two blocks of eight; with narrow vectors, and for fewer words, looking up is faster still, if the
// filters fill the four vectors that it takes at once.
BinaryPlan plan_binary(const BinaryKernels& kernels, const Convolution& conv, const WeightType& type) {
  using Grid = WeightType::Grid;
  constexpr std::int64_t kWideLanes = 16, kFewWords = 16;
  const BinaryWeights weights = type.grid == Grid::sign  ? BinaryWeights::sign
                                : type.grid == Grid::bit ? BinaryWeights::bit
                                                         : BinaryWeights::ternary;
  if (kernels.counts) return {&kernels, BinaryForm::count, weights};
  const std::int64_t words = conv.kernel * conv.kernel * ceil_div(conv.inputs, kBits);
  const std::int64_t vectors = ceil_div(conv.filters, kernels.lanes);
  const bool full = 4 * vectors >= 3 * kTableVectors * ceil_div(vectors, kTableVectors);
  const bool table = kernels.run[static_cast<int>(BinaryForm::table)][static_cast<int>(weights)] != nullptr;
  const bool fits = conv.kernel * conv.kernel * ceil_div(conv.inputs, 4) <= kTableSteps;
  if (table && full && fits && (kernels.lanes < kWideLanes || words < kFewWords))
    return {&kernels, BinaryForm::table, weights};
  return {&kernels, words < kFewWords ? BinaryForm::count : BinaryForm::carry, weights};
}

LineBytes pack_binary(const Convolution& conv, const BinaryPlan& plan, const LayerArrays& layer) {
  const WordLayout layout = layout_of(conv, plan);
  LineBytes panel = make_panel(layout, layer, 1);
  pack_filters(layout, plan, *layer.kernel, panel);
  *part_at<BinaryPlan>(panel, kFormPlace) = plan;
  return panel;
}

std::int64_t binary_scratch(const Convolution& conv) {
  const WordLayout layout = layout_of(conv, {&binary_kernels(), BinaryForm::count, BinaryWeights::sign});
  return layout.rows() * layout.row_units() * (1 + kCodes / 4);
}

void forward_binary(const Convolution& conv, const LineBytes& panel, const WordJob& job, std::span<float> scratch) {
  const BinaryPlan plan = *part_at<BinaryPlan>(panel, kFormPlace);
  const WordLayout layout = layout_of(conv, plan);
  const bool spreads = plan.form == BinaryForm::table;
  const std::int64_t pixel = conv.groups * layout.units / (spreads ? kCodes : 1);  // words
  const std::int64_t row_words = layout.columns() * pixel;
  const std::int64_t pack_end = conv.x.before + conv.x.in;
  auto* words = reinterpret_cast<std::uint32_t*>(scratch.data());
  auto* codes = reinterpret_cast<std::uint8_t*>(words + layout.rows() * row_words);
  const auto pack = [&](const float* input, std::int64_t row) {
    std::uint32_t* to = words + row * row_words;
    std::fill(to, to + (input == nullptr ? row_words : conv.x.before * pixel), 0U);
    if (input != nullptr) {
      plan.kernels->pack(input, conv.x.in * conv.groups, conv.inputs, to + conv.x.before * pixel);
      std::fill(to + pack_end * pixel, to + row_words, 0U);
    }
    if (spreads) spread(to, row_words, codes + row * row_words * kCodes);
  };
  const void* image = spreads ? static_cast<const void*>(codes) : words;
  run_words(layout, panel, plan.kernels->run[static_cast<int>(plan.form)][static_cast<int>(plan.weights)], job, image,
            pack);
}

}  // namespace cleave
