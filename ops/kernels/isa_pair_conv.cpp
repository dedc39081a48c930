// 3x3 convolutions two outputs at a time, compiled once per instruction set: see PairConv.
//
// The cells of a band are a few images without a halo: pair n of the band reads, for row ky of the window, the cells
// n + ky·pairs. So a tile of pairs may go over the ends of rows, and narrow images fill the registers, too. The four
// sums of a tile wait on the stack.
#include <cstdint>

#include "ops/kernels/infer_kernels.h"
#include "ops/kernels/isa_tile.h"

namespace cleave::CLEAVE_ISA {

void transform_rows(const PairConv& conv, std::int64_t from, std::int64_t to);
void convolve_pairs(const PairConv& conv, std::int64_t from, std::int64_t to);

namespace {

constexpr int kCells = 4;
constexpr int kWindow = 3;
constexpr int kMostSums = 28;  // vectors of a tile

// Channels of one pixel; outside the image the same zeros for all of them.
struct Pixel {
  const float* from;
  std::int64_t step;
};

CLEAVE_INLINE void transform_pair(const Pixel (&d)[kCells], float* cells, std::int64_t plane, std::int64_t channels) {
  std::int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    const V d0 = CLEAVE_LOAD(d[0].from + c * d[0].step);
    const V d1 = CLEAVE_LOAD(d[1].from + c * d[1].step);
    const V d2 = CLEAVE_LOAD(d[2].from + c * d[2].step);
    const V d3 = CLEAVE_LOAD(d[3].from + c * d[3].step);
    CLEAVE_STORE(cells + c, d0 - d2);
    CLEAVE_STORE(cells + c + plane, d1 + d2);
    CLEAVE_STORE(cells + c + 2 * plane, d2 - d1);
    CLEAVE_STORE(cells + c + 3 * plane, d1 - d3);
  }
  for (; c < channels; ++c) {
    const float d0 = d[0].from[c * d[0].step];
    const float d1 = d[1].from[c * d[1].step];
    const float d2 = d[2].from[c * d[2].step];
    const float d3 = d[3].from[c * d[3].step];
    cells[c] = d0 - d2;
    cells[c + plane] = d1 + d2;
    cells[c + 2 * plane] = d2 - d1;
    cells[c + 3 * plane] = d1 - d3;
  }
}

CLEAVE_INLINE std::int64_t plane_of(const PairConv& conv) { return (conv.rows + 2) * conv.pairs * conv.channels; }

// One row of the image; null: a row of padding.
CLEAVE_INLINE void transform_row(const PairConv& conv, const float* row, float* cells) {
  static constexpr float kZeros[kLanes] = {};
  const std::int64_t plane = plane_of(conv);
  for (std::int64_t pair = 0; pair < conv.pairs; ++pair, cells += conv.channels) {
    const std::int64_t x = conv.left + 2 * pair;
    if (row != nullptr && x >= 0 && x + kCells <= conv.in_columns) {
      const float* first = row + x * conv.channels;
      const Pixel inside[kCells] = {
          {first, 1}, {first + conv.channels, 1}, {first + 2 * conv.channels, 1}, {first + 3 * conv.channels, 1}};
      transform_pair(inside, cells, plane, conv.channels);
      continue;
    }
    Pixel some[kCells];
    for (int k = 0; k < kCells; ++k) {
      const bool real = row != nullptr && x + k >= 0 && x + k < conv.in_columns;
      some[k] = real ? Pixel{row + (x + k) * conv.channels, 1} : Pixel{kZeros, 0};
    }
    transform_pair(some, cells, plane, conv.channels);
  }
}

// Where a tile begins.
struct Place {
  const float* cells;
  const float* weights;
};

// Sums of one tile: [4][pixel][vector].
template <int kPixels, int kVectors>
void sum_tile(const PairConv& conv, const Place& place, float* to) {
  const std::int64_t row = conv.pairs * conv.channels;
  const std::int64_t plane = plane_of(conv);
  const float* weights = place.weights;
  const float* cells = place.cells;
  for (int j = 0; j < kCells; ++j, cells += plane, to += kPixels * kVectors * kLanes) {
    V sums[kPixels][kVectors]{};
    const float* from = cells;
    for (int y = 0; y < kWindow; ++y, from += row)
      add_run<kPixels, kVectors>(sums, from, weights, conv.inputs, conv.channels);
    CLEAVE_UNROLL
    for (int p = 0; p < kPixels; ++p) {
      CLEAVE_UNROLL
      for (int v = 0; v < kVectors; ++v) CLEAVE_STORE(to + (p * kVectors + v) * kLanes, sums[p][v]);
    }
  }
}

using Tile = void (*)(const PairConv&, const Place&, float*);

struct Tiles {
  Tile by_size[kMostVectors + 1][17];  // [vectors][pixels]
};

template <int kVectors, int kPixels>
constexpr void add_tiles(Tiles& tiles) {
  if constexpr (kPixels > 0) {
    tiles.by_size[kVectors][kPixels] = sum_tile<kPixels, kVectors>;
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

// What is done with a tile's sums.
struct Finish {
  const float* sums;
  const float* bias;
  std::int64_t first, pixels;  // pairs
  std::int64_t vectors, filters, channel;
};

CLEAVE_INLINE void finish_vector(const ImageOut& out, const V& x, float* to, const float* add, std::int64_t filters) {
  if (filters >= kLanes) return store_whole(to, add, x, out);
  float some[kLanes];
  CLEAVE_STORE(some, x);
  store_some(to, add, some, out, filters);
}

CLEAVE_INLINE void finish_tile(const PairConv& conv, const Finish& tile) {
  const std::int64_t next = tile.pixels * tile.vectors * kLanes;  // from one of the four sums to the next
  const ImageOut& out = conv.out;
  const float* sums = tile.sums;
  std::int64_t y = tile.first / conv.pairs;
  std::int64_t pair = tile.first % conv.pairs;
  for (std::int64_t p = 0; p < tile.pixels; ++p) {
    float* to = out.data + y * out.row + 2 * pair * out.pixel + tile.channel;
    const float* add =
        out.add == nullptr ? nullptr : out.add + y * out.add_row + 2 * pair * out.add_pixel + tile.channel;
    const bool both = 2 * pair + 1 < conv.columns;
    for (std::int64_t v = 0; v < tile.vectors; ++v, sums += kLanes, to += kLanes) {
      const V m0 = CLEAVE_LOAD(sums);
      const V m1 = CLEAVE_LOAD(sums + next);
      const V m2 = CLEAVE_LOAD(sums + 2 * next);
      const V m3 = CLEAVE_LOAD(sums + 3 * next);
      const V bias = CLEAVE_LOAD(tile.bias + v * kLanes);
      const std::int64_t filters = tile.filters - v * kLanes;
      finish_vector(out, bias + m0 + m1 + m2, to, add, filters);
      if (both)
        finish_vector(out, bias + m1 - m2 - m3, to + out.pixel, add == nullptr ? add : add + out.add_pixel, filters);
      if (add != nullptr) add += kLanes;
    }
    if (++pair == conv.pairs) {
      pair = 0;
      ++y;
    }
  }
}

}  // namespace

void transform_rows(const PairConv& conv, std::int64_t from, std::int64_t to) {
  for (std::int64_t r = from; r < to; ++r) {
    const std::int64_t y = conv.top + r;
    const bool real = y >= 0 && y < conv.in_rows;
    transform_row(conv, real ? conv.input + y * conv.in_row : nullptr, conv.cells + r * conv.pairs * conv.channels);
  }
}

void convolve_pairs(const PairConv& conv, std::int64_t from, std::int64_t to) {
  alignas(64) float sums[kCells * kMostSums * kLanes];
  const std::int64_t vectors = (conv.filters + kLanes - 1) / kLanes;
  const std::int64_t blocks = (vectors + conv.vectors - 1) / conv.vectors;
  const std::int64_t total = conv.rows * conv.pairs;
  for (std::int64_t unit = from; unit < to; ++unit) {
    const std::int64_t chunk = unit % conv.chunks;
    const std::int64_t block = unit / conv.chunks % blocks;
    const std::int64_t group = unit / conv.chunks / blocks;
    const std::int64_t first = block * conv.vectors;  // vector of the group's
    const std::int64_t lane = (group * vectors + first) * kLanes;
    Finish tile;
    tile.sums = sums;
    tile.bias = conv.bias + lane;
    tile.first = total * chunk / conv.chunks;
    tile.pixels = total * (chunk + 1) / conv.chunks - tile.first;
    tile.vectors = vectors - first < conv.vectors ? vectors - first : conv.vectors;
    tile.filters = conv.filters - first * kLanes;
    tile.channel = group * conv.filters + first * kLanes;
    const Place place = {conv.cells + tile.first * conv.channels + group * conv.inputs,
                         conv.weights + lane * kCells * kWindow * conv.inputs};
    kTiles.by_size[tile.vectors][tile.pixels](conv, place, sums);
    finish_tile(conv, tile);
  }
}

}  // namespace cleave::CLEAVE_ISA
