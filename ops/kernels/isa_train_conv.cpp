// Convolution in the training layout, compiled once per instruction set.
//
// The planes have no halo and their padding is never multiplied. A tile is up to eight neighbouring outputs of one row
// and filter, kept in registers for one vector of lanes. For a row of a channel the tile's window of inputs goes by
// once: each input is loaded once and multiplied with all weights that lead from it to an output of the tile, a pattern
// that is fixed when compiling; inputs outside the plane are jumped over. 11x11 weights on 8x8 images thus cost 58
// products a row and 19 loads.
//
// Windows wider than any compiled one are taken in pieces of their columns. Channels go by in groups, and large planes
// in bands, so that all filters and rows find the inputs in the L1 cache; sums wait in the outputs meanwhile.
#include <cstdint>

#include "ops/kernels/train_kernels.h"

namespace cleave::CLEAVE_ISA {

void convolve(const ConvArgs& args);
void add_tap(const PlaneWindows& windows, float* out, const float* plane, std::int64_t y, std::int64_t x, float a);

namespace {

#ifdef __AVX512F__
constexpr std::int64_t kVector = 16;
constexpr bool kHoldWeights = true;  // there are registers for a row of them
#else
constexpr std::int64_t kVector = 8;
constexpr bool kHoldWeights = false;
#endif
using V = float __attribute__((vector_size(kVector * 4)));
using Unaligned = float __attribute__((vector_size(kVector * 4), aligned(4), may_alias));

#define CLEAVE_LOAD(p) (*reinterpret_cast<const Unaligned*>(p))
#define CLEAVE_STORE(p, v) (*reinterpret_cast<Unaligned*>(p) = (v))
#define CLEAVE_INLINE inline __attribute__((always_inline))

// What tiles of more than one weight are compiled for: their addresses are constants.
constexpr std::int64_t kLaneCount = 16;
constexpr std::int64_t kCachedBytes = 24 * 1024;
constexpr std::int64_t kProducts = 80;  // of an output, that are worth starting a tile

struct Span {
  std::int64_t from, to;
};

// One tile and what is to be added to it.
struct Tile {
  const ConvArgs* args;
  const float* kernel;   // of the filter, at the piece's first column
  float* out;            // at the first output and lane
  std::int64_t outputs;  // of the tile
  std::int64_t offset;   // floats from a plane's first one to the window's first input; that may lie outside
  std::int64_t row;      // floats
  Span channels, window_rows;
  Span inside;  // inputs of the window inside the plane
  bool add;
};

CLEAVE_INLINE std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
CLEAVE_INLINE std::int64_t most(std::int64_t a, std::int64_t b) { return a > b ? a : b; }

// The outputs [from, to) whose window's cell `cell` lies inside the plane.
CLEAVE_INLINE Span outputs_over(std::int64_t cell, std::int64_t before, std::int64_t stride, std::int64_t in,
                                std::int64_t out) {
  const std::int64_t shift = before - cell;  // input = output·stride - shift
  const std::int64_t from = shift <= 0 ? 0 : (shift + stride - 1) / stride;
  const std::int64_t to = in - 1 + shift < 0 ? 0 : (in - 1 + shift) / stride + 1;
  return {from, most(from, least(to, out))};
}

// Adds the products of weight number `kWeight` and later ones with the window's input number `kInput`.
template <int kSize, int kStride, int kOutputs, int kInput, int kWeight>
CLEAVE_INLINE void add_products(V (&sums)[kOutputs], const V (&held)[kSize], const float* kernel, const V& value) {
  if constexpr (kWeight < kSize) {
    constexpr int kOutput = (kInput - kWeight) / kStride;
    if constexpr (kInput >= kWeight && (kInput - kWeight) % kStride == 0 && kOutput < kOutputs) {
      if constexpr (kHoldWeights) sums[kOutput] += held[kWeight] * value;
      else sums[kOutput] += kernel[kWeight] * value;
    }
    add_products<kSize, kStride, kOutputs, kInput, kWeight + 1>(sums, held, kernel, value);
  }
}

template <int kSize, int kStride, int kOutputs, int kInput>
CLEAVE_INLINE void add_inputs(V (&sums)[kOutputs], const V (&held)[kSize], const float* kernel, const float* from,
                              int first, unsigned count) {
  if constexpr (kInput < (kOutputs - 1) * kStride + kSize) {
    if (static_cast<unsigned>(kInput - first) < count) {
      const V value = CLEAVE_LOAD(from + kInput * kLaneCount);
      add_products<kSize, kStride, kOutputs, kInput, 0>(sums, held, kernel, value);
    }
    add_inputs<kSize, kStride, kOutputs, kInput + 1>(sums, held, kernel, from, first, count);
  }
}

template <int kOutputs, int kOutput>
CLEAVE_INLINE void load_sums(V (&sums)[kOutputs], const Tile& tile, std::int64_t lanes) {
  if constexpr (kOutput < kOutputs) {
    sums[kOutput] = tile.add && kOutput < tile.outputs ? CLEAVE_LOAD(tile.out + kOutput * lanes) : V{};
    load_sums<kOutputs, kOutput + 1>(sums, tile, lanes);
  }
}

template <int kOutputs, int kOutput>
CLEAVE_INLINE void store_sums(const V (&sums)[kOutputs], const Tile& tile, std::int64_t lanes) {
  if constexpr (kOutput < kOutputs) {
    if (kOutput < tile.outputs) CLEAVE_STORE(tile.out + kOutput * lanes, sums[kOutput]);
    store_sums<kOutputs, kOutput + 1>(sums, tile, lanes);
  }
}

template <int kSize>
CLEAVE_INLINE void hold(V (&held)[kSize], const float* kernel) {
  if constexpr (kHoldWeights)
    for (int k = 0; k < kSize; ++k) held[k] = V{} + kernel[k];
}

// Strides that no tile was compiled for go by one output and one weight at a time.
template <int kOutputs, int kOutput>
CLEAVE_INLINE void add_strided(V (&sums)[kOutputs], float weight, const float* from, std::int64_t step,
                               const Span& inside) {
  if constexpr (kOutput < kOutputs) {
    if (kOutput >= inside.from && kOutput < inside.to) sums[kOutput] += weight * CLEAVE_LOAD(from + kOutput * step);
    add_strided<kOutputs, kOutput + 1>(sums, weight, from, step, inside);
  }
}

template <int kSize, int kStride, int kOutputs>
void sum_tile(const Tile& tile) {
  const ConvArgs& args = *tile.args;
  const PlaneWindows& windows = args.windows;
  const std::int64_t lanes = windows.lanes;
  const Span inside = tile.inside;
  int first = static_cast<int>(inside.from);
  auto count = static_cast<unsigned>(inside.to - inside.from);
  V sums[kOutputs];
  load_sums<kOutputs, 0>(sums, tile, lanes);
  for (std::int64_t c = tile.channels.from; c < tile.channels.to; ++c) {
    const std::int64_t taken = args.taken == nullptr ? c : args.taken[c];
    const float* kernel = tile.kernel + (taken * windows.size + tile.window_rows.from) * windows.size;
    const float* from = args.inputs[c] + tile.offset;
    for (std::int64_t y = tile.window_rows.from; y < tile.window_rows.to;
         ++y, kernel += windows.size, from += tile.row) {
      if constexpr (kStride == 0) {
        add_strided<kOutputs, 0>(sums, *kernel, from, windows.stride * lanes, inside);
      } else {
        V held[kSize];
        hold<kSize>(held, kernel);
        asm(""
            : "+r"(first), "+r"(count));  // else all comparisons are made beforehand and their results kept in memory
        add_inputs<kSize, kStride, kOutputs, 0>(sums, held, kernel, from, first, count);
      }
    }
  }
  store_sums<kOutputs, 0>(sums, tile, lanes);
}

struct TileKind {
  int size, stride;  // stride 0: any
  void (*eight)(const Tile&);
  void (*four)(const Tile&);
};

template <int kSize, int kStride>
constexpr TileKind kind() {
  return {kSize, kStride, sum_tile<kSize, kStride, 8>, sum_tile<kSize, kStride, 4>};
}

// Wider ones first; the last takes whatever is left.
constexpr TileKind kKinds[] = {kind<11, 1>(), kind<7, 1>(), kind<5, 1>(),  kind<4, 1>(), kind<3, 1>(), kind<2, 1>(),
                               kind<7, 2>(),  kind<3, 2>(), kind<11, 3>(), kind<3, 3>(), kind<1, 0>()};

CLEAVE_INLINE const TileKind& widest(std::int64_t columns, const PlaneWindows& windows) {
  const TileKind* best = kKinds;
  while (best->stride != 0 && (best->stride != windows.stride || best->size > columns || windows.lanes != kLaneCount))
    ++best;
  return *best;
}

// A group of channels and a piece of the window's columns.
struct Piece {
  const TileKind* kind;
  std::int64_t column;  // the first
  std::int64_t lane;
  Span channels;
};

// Adds a piece's products to one row of one filter's output.
CLEAVE_INLINE void sum_row(const ConvArgs& args, const Piece& piece, std::int64_t filter, std::int64_t y) {
  const PlaneWindows& w = args.windows;
  const std::int64_t top = y * w.stride - w.above;
  const std::int64_t from = most(-top, 0);
  Tile tile;
  tile.args = &args;
  tile.kernel = args.kernels[filter] + piece.column;
  tile.row = w.in_columns * w.lanes;
  tile.channels = piece.channels;
  tile.window_rows = {from, most(from, least(w.size, w.in_rows - top))};
  tile.add = args.add || piece.channels.from > 0 || piece.column > 0;
  for (std::int64_t x = 0; x < w.out_columns; x += tile.outputs) {
    const bool few = w.out_columns - x <= 4;
    const std::int64_t left = x * w.stride - w.left + piece.column;
    tile.out = args.outputs[filter] + (y * w.out_columns + x) * w.lanes + piece.lane;
    tile.outputs = least(w.out_columns - x, few ? 4 : 8);
    tile.offset = ((top + from) * w.in_columns + left) * w.lanes + piece.lane;
    if (piece.kind->stride == 0) tile.inside = outputs_over(0, -left, w.stride, w.in_columns, 8);
    else tile.inside = {-left, w.in_columns - left};
    (few ? piece.kind->four : piece.kind->eight)(tile);
  }
}

// How many output rows and channels go by together: so many channels that a tile is worth its start, and as many rows
// as then fit into the cache.
struct Grouping {
  std::int64_t rows, channels;
};

CLEAVE_INLINE Grouping grouping(const ConvArgs& args) {
  const PlaneWindows& w = args.windows;
  const std::int64_t rows = most(1, kCachedBytes / (w.in_columns * kVector * 4));  // of inputs
  if (args.filters < 3) return {w.out_rows, most(1, rows / w.in_rows)};            // nothing to come back for
  const std::int64_t enough = least(args.channels, kProducts / (w.size * w.size) + 1);
  if (rows >= enough * w.in_rows) return {w.out_rows, rows / w.in_rows};
  const std::int64_t band = least(w.out_rows, most(1, (rows / enough - w.size) / w.stride + 1));
  return {band, most(1, rows / least(w.in_rows, (band - 1) * w.stride + w.size))};
}

}  // namespace

void convolve(const ConvArgs& args) {
  const PlaneWindows& w = args.windows;
  const Grouping group = grouping(args);
  Piece piece;
  for (piece.lane = 0; piece.lane < w.lanes; piece.lane += kVector)
    for (std::int64_t top = 0; top < w.out_rows; top += group.rows)
      for (std::int64_t c = 0; c < args.channels; c += group.channels) {
        piece.channels = {c, least(c + group.channels, args.channels)};
        for (piece.column = 0; piece.column < w.size; piece.column += piece.kind->size) {
          piece.kind = &widest(w.size - piece.column, w);
          for (std::int64_t f = 0; f < args.filters; ++f)
            for (std::int64_t y = top; y < least(top + group.rows, w.out_rows); ++y) sum_row(args, piece, f, y);
        }
      }
}

void add_tap(const PlaneWindows& w, float* out, const float* plane, std::int64_t y, std::int64_t x, float a) {
  const Span rows = outputs_over(y, w.above, w.stride, w.in_rows, w.out_rows);
  const Span columns = outputs_over(x, w.left, w.stride, w.in_columns, w.out_columns);
  for (std::int64_t row = rows.from; row < rows.to; ++row) {
    float* to = out + (row * w.out_columns + columns.from) * w.lanes;
    const std::int64_t cell = (row * w.stride - w.above + y) * w.in_columns + columns.from * w.stride - w.left + x;
    const float* from = plane + cell * w.lanes;
    const std::int64_t run = w.stride == 1 ? (columns.to - columns.from) * w.lanes : w.lanes;
    for (std::int64_t column = columns.from; column < columns.to; column += run / w.lanes) {
      for (std::int64_t l = 0; l < run; l += kVector)
        CLEAVE_STORE(to + l, CLEAVE_LOAD(to + l) + a * CLEAVE_LOAD(from + l));
      to += run;
      from += w.stride * run;
    }
  }
}

}  // namespace cleave::CLEAVE_ISA
