// Layers computed in small integers (ops/kernels/word_conv.h): what their weights look like when packed, and the walk
// over one image. How values become words is the kind's own: binary_layer.h, int8_layer.h.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "ops/defs/common.h"
#include "ops/defs/convolution.h"
#include "ops/kernels/word_conv.h"

namespace cleave {

// The geometry of a layer and of its packed weights.
struct WordLayout {
  Convolution conv;
  std::int64_t lanes = 4;         // filters of a vector
  std::int64_t vectors = 0;       // of one group
  std::int64_t vector_words = 0;  // of weights, for one vector of filters
  std::int64_t units = 0;         // of one group of one pixel, as they stand in the image
  std::int64_t used_units = 0;    // of them, those that hold channels
  bool halo_sums = false;         // whether the image's halo counts and must be made up for

  // Rows and columns of the image with its halo.
  std::int64_t rows() const { return padded(conv.y); }
  std::int64_t columns() const { return padded(conv.x); }
  std::int64_t row_units() const { return columns() * conv.groups * units; }
  std::int64_t cells() const { return conv.kernel * conv.kernel; }
  std::int64_t steps() const { return cells() * used_units; }
  // Filters of all groups, filled up to whole vectors.
  std::int64_t padded_filters() const { return conv.groups * vectors * lanes; }
  // Where filter `f` of all stands among those.
  std::int64_t place(std::int64_t f) const { return f / conv.filters * vectors * lanes + f % conv.filters; }

 private:
  static std::int64_t padded(const WindowAxis& axis) {
    return std::max(axis.before + axis.in, (axis.out - 1) * axis.stride + axis.size);
  }
};

// A panel begins with what chooses among the forms of a layer, followed by a line of the form's own.
inline constexpr std::size_t kFormPlace = 2 * kCacheLine;
inline constexpr std::size_t kPanelHead = 3 * kCacheLine;
// Where WordConv's arrays stand behind them; each begins at a cache line.
struct WordPlaces {
  std::size_t offsets, weights, base, halo_sums, scale, bias, end;
};
WordPlaces places_of(const WordLayout& layout);
// Returns a panel with offsets, scales (times `factor`) and biases written, and zeros for the rest.
LineBytes make_panel(const WordLayout& layout, const LayerArrays& layer, float factor);
template <class Number>
Number* part_at(LineBytes& panel, std::size_t place) {
  return reinterpret_cast<Number*>(panel.data() + place);
}
template <class Number>
const Number* part_at(const LineBytes& panel, std::size_t place) {
  return reinterpret_cast<const Number*>(panel.data() + place);
}

// One image: its first rows, floats from one row to the next, and who helps.
struct WordJob {
  const float* input = nullptr;
  std::int64_t input_row = 0;
  float* output = nullptr;
  std::int64_t output_row = 0;
  const float* add = nullptr;
  std::int64_t add_row = 0;
  Clamp clamp{};
  const Parallel* parallel = nullptr;
};

// Writes the units of row `row` of the image with its halo; a row of the halo where `input` is null.
using PackRow = std::function<void(const float* input, std::int64_t row)>;

// Packs and computes one image. `image` is where `pack` writes.
void run_words(const WordLayout& layout, const LineBytes& panel, WordConvRun run, const WordJob& job, const void* image,
               const PackRow& pack);

// Returns the scratch of `args` if it holds as many floats, else `own` with so many: for callers who plan no memory.
std::span<float> scratch_of(const ForwardArgs& args, std::int64_t floats, std::vector<float>& own);
// Calls image(job) for every sample of a convolution, and writes the halo of its output.
void for_images(const ForwardArgs& args, const std::function<void(const WordJob&)>& image);
// A dense layer is a convolution of one cell over samples side by side, up to this many of them.
inline constexpr std::int64_t kDenseSamples = 16;
Convolution dense_convolution(std::int64_t inputs, std::int64_t units, std::int64_t samples);
// Calls row(job, samples) for every so many samples.
void for_samples(const ForwardArgs& args, const std::function<void(const WordJob&, std::int64_t)>& row);

}  // namespace cleave
