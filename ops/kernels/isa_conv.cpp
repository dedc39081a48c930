// Direct convolution of one image, compiled once per instruction set.
//
// A tile is a few neighbouring pixels of an output row times a few vectors of filters, its sums held in registers from
// the bias to the store. For every input of the window the vectors of weights are loaded once and each pixel's input is
// multiplied into them, so a tile of 14 pixels and 2 vectors does 28 multiply-adds for 16 loads. Windows never leave
// the image's halo, hence no branch; the cells of a window's row lie side by side, hence one loop over columns and
// channels. Rows are cut into tiles of nearly equal width, every width being compiled, so there is no slow remainder.
#include <cstdint>

#include "ops/kernels/infer_kernels.h"
#include "ops/kernels/isa_tile.h"

namespace cleave::CLEAVE_ISA {

extern const InferKernels kInferKernels;
void transform_rows(const PairConv& conv, std::int64_t from, std::int64_t to);
void convolve_pairs(const PairConv& conv, std::int64_t from, std::int64_t to);
void convolve_depthwise(const DepthwiseConv& conv, std::int64_t from, std::int64_t to);
void pool_largest(const Pooling& pool, std::int64_t from, std::int64_t to);
void pool_mean(const Pooling& pool, std::int64_t from, std::int64_t to);

namespace {

// Where a tile begins, and how many of its filters are real.
struct Place {
  const float* input;
  const float* weights;
  const float* bias;
  float* output;
  const float* add;
  std::int64_t filters;
};

template <int kPixels, int kVectors>
CLEAVE_INLINE void store_tile(const V (&sums)[kPixels][kVectors], const ImageOut& out, const Place& place) {
  const bool whole = place.filters >= kVectors * kLanes;
  CLEAVE_UNROLL
  for (int p = 0; p < kPixels; ++p) {
    float* to = place.output + p * out.pixel;
    const float* add = place.add == nullptr ? nullptr : place.add + p * out.add_pixel;
    CLEAVE_UNROLL
    for (int v = 0; v < kVectors; ++v, to += kLanes, add += add == nullptr ? 0 : kLanes) {
      if (v == kVectors - 1 && !whole) break;
      store_whole(to, add, sums[p][v], out);
    }
    if (whole) continue;
    float last[kLanes];
    CLEAVE_STORE(last, sums[p][kVectors - 1]);
    store_some(to, add, last, out, place.filters - (kVectors - 1) * kLanes);
  }
}

template <int kPixels, int kVectors>
void tile(const DirectConv& conv, const Place& place) {
  V sums[kPixels][kVectors];
  CLEAVE_UNROLL
  for (int p = 0; p < kPixels; ++p) {
    CLEAVE_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[p][v] = CLEAVE_LOAD(place.bias + v * kLanes);
  }
  const float* weights = place.weights;
  const float* row = place.input;
  for (std::int64_t y = 0; y < conv.kernel_rows; ++y, row += conv.in_row) {
    const float* from = row;
    for (std::int64_t r = 0; r < conv.runs; ++r, from += conv.in_run)
      add_run<kPixels, kVectors>(sums, from, weights, conv.run, conv.in_step);
  }
  store_tile<kPixels, kVectors>(sums, conv.out, place);
}

using Tile = void (*)(const DirectConv&, const Place&);

struct Tiles {
  Tile by_size[kMostVectors + 1][17];  // [vectors][pixels]
};

template <int kVectors, int kPixels>
constexpr void add_tiles(Tiles& tiles) {
  if constexpr (kPixels > 0) {
    tiles.by_size[kVectors][kPixels] = tile<kPixels, kVectors>;
    add_tiles<kVectors, kPixels - 1>(tiles);
  }
}

constexpr Tiles all_tiles() {
  Tiles tiles{};
  add_tiles<1, kWidths[1]>(tiles);
  add_tiles<2, kWidths[2]>(tiles);
  add_tiles<3, kWidths[3]>(tiles);
  add_tiles<4, kWidths[4]>(tiles);
  return tiles;
}

constexpr Tiles kTiles = all_tiles();

// One output row of one block of filters; `place` is at its first pixel.
CLEAVE_INLINE void sum_row(const DirectConv& conv, const Place& start, std::int64_t vectors, std::int64_t columns) {
  const std::int64_t count = (columns + kWidths[vectors] - 1) / kWidths[vectors];
  for (std::int64_t t = 0; t < count; ++t) {
    const std::int64_t x = columns * t / count;
    const std::int64_t pixels = columns * (t + 1) / count - x;
    Place place = start;
    place.input += x * conv.in_step;
    place.output += x * conv.out.pixel;
    if (place.add != nullptr) place.add += x * conv.out.add_pixel;
    kTiles.by_size[vectors][pixels](conv, place);
  }
}

void convolve(const DirectConv& conv, std::int64_t from, std::int64_t to) {
  const std::int64_t vectors = (conv.filters + kLanes - 1) / kLanes;
  const std::int64_t blocks = (vectors + conv.vectors - 1) / conv.vectors;
  const std::int64_t taps = conv.kernel_rows * conv.runs * conv.run;
  for (std::int64_t unit = from; unit < to; ++unit) {
    const std::int64_t y = unit % conv.rows;
    const std::int64_t block = unit / conv.rows % blocks;
    const std::int64_t group = unit / conv.rows / blocks;
    const std::int64_t first = block * conv.vectors;  // vector of the group's
    const std::int64_t channel = group * conv.filters + first * kLanes;
    const std::int64_t count = vectors - first < conv.vectors ? vectors - first : conv.vectors;
    const std::int64_t lane = (group * vectors + first) * kLanes;
    const Place place = {
        .input = conv.input + y * conv.in_down + group * conv.inputs,
        .weights = conv.weights + lane * taps,
        .bias = conv.bias + lane,
        .output = conv.out.data + y * conv.out.row + channel,
        .add = conv.out.add == nullptr ? nullptr : conv.out.add + y * conv.out.add_row + channel,
        .filters = conv.filters - first * kLanes,
    };
    sum_row(conv, place, count, y + 1 == conv.rows ? conv.last_columns : conv.columns);
  }
}

}  // namespace

const InferKernels kInferKernels = {
#define CLEAVE_TEXT(x) #x
#define CLEAVE_NAME(x) CLEAVE_TEXT(x)
    CLEAVE_NAME(CLEAVE_ISA), kLanes,       kWidths,  convolve, transform_rows, convolve_pairs,
    convolve_depthwise,      pool_largest, pool_mean};

}  // namespace cleave::CLEAVE_ISA
