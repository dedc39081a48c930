// What the kernels of word_conv.h share. For the files that are compiled once per instruction set: local to each.
#pragma once

#include <cstdint>
#include <cstring>

#include "ops/kernels/word_conv.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define CLEAVE_INLINE inline __attribute__((always_inline))

namespace cleave::CLEAVE_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

using Ints = std::int32_t __attribute__((vector_size(4 * kLanes)));
using Words = std::uint32_t __attribute__((vector_size(4 * kLanes)));
using Floats = float __attribute__((vector_size(4 * kLanes)));
using AnyFloats = float __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));

template <class Vector, class Number>
CLEAVE_INLINE const Vector& vector_at(const Number* from) {
  return *reinterpret_cast<const Vector*>(from);
}

// Where one tile stands: pixels x … of row y, filters from vector `vector` of group `group` on.
struct Tile {
  std::int64_t y, x, group, vector;
};

// Whether the whole window of the tile's first pixel lies within the image.
CLEAVE_INLINE bool is_inside(const WordConv& conv, const Tile& tile) {
  const std::int64_t top = tile.y * conv.y.stride - conv.y.before;
  const std::int64_t left = tile.x * conv.x.stride - conv.x.before;
  return top >= 0 && left >= 0 && top + conv.y.size <= conv.y.in && left + conv.x.size <= conv.x.in;
}

// Adds the sums of the weights that lie in the halo. Vectors go by reference, see isa_train.cpp.
inline __attribute__((noinline)) void add_halo(const WordConv& conv, const Tile& tile, std::int64_t at, Ints& sum) {
  const std::int64_t top = tile.y * conv.y.stride - conv.y.before;
  const std::int64_t left = tile.x * conv.x.stride - conv.x.before;
  const std::int32_t* sums = conv.halo_sums + at * conv.y.size * conv.x.size * kLanes;
  for (std::int64_t ky = 0; ky < conv.y.size; ++ky)
    for (std::int64_t kx = 0; kx < conv.x.size; ++kx, sums += kLanes) {
      const bool real = top + ky >= 0 && top + ky < conv.y.in && left + kx >= 0 && left + kx < conv.x.in;
      if (!real) sum += vector_at<Ints>(sums);
    }
}

// The sum of one pixel and one vector of filters into floats, and writes them.
CLEAVE_INLINE void finish(const WordConv& conv, const Tile& tile, bool inside, const Ints& counted) {
  const std::int64_t first = tile.vector * kLanes;
  if (first >= conv.filters) return;
  const std::int64_t at = tile.group * conv.vectors + tile.vector;
  Ints sum = counted + vector_at<Ints>(conv.base + at * kLanes);
  if (!inside) add_halo(conv, tile, at, sum);
  Floats value = __builtin_convertvector(sum, Floats);
  value = value * vector_at<Floats>(conv.scale + at * kLanes) + vector_at<Floats>(conv.bias + at * kLanes);
  const std::int64_t used = conv.filters - first < kLanes ? conv.filters - first : kLanes;
  const std::int64_t place = (tile.x * conv.groups + tile.group) * conv.filters + first;
  if (conv.add != nullptr) {
    const float* add = conv.add + tile.y * conv.add_row + place;
    Floats other{};
    if (used == kLanes) other = *reinterpret_cast<const AnyFloats*>(add);
    else std::memcpy(&other, add, static_cast<std::size_t>(used) * sizeof(float));
    value += other;
  }
  const Floats low = conv.low - Floats{};
  const Floats high = conv.high - Floats{};
  value = value < low ? low : value > high ? high : value;
  float* to = conv.output + tile.y * conv.output_row + place;
  if (used == kLanes) *reinterpret_cast<AnyFloats*>(to) = value;
  else std::memcpy(to, &value, static_cast<std::size_t>(used) * sizeof(float));
}

// What a tile of kPixels pixels and kVectors vectors reads. `Op::sum` writes its sums.
template <class Unit>
struct TileWords {
  const std::int32_t* offsets;
  std::int64_t steps;
  const Unit* image;             // the first pixel's window
  std::int64_t pixel_words;      // from one pixel's window to the next one's
  const std::uint32_t* weights;  // the first vector's
  std::int64_t vector_words;     // from one vector's to the next one's
};

template <class Op, int kPixels, int kVectors>
CLEAVE_INLINE void run_tile(const WordConv& conv, const Tile& tile) {
  const std::int64_t pixel = conv.groups * conv.words;
  const TileWords<typename Op::Unit> words{
      .offsets = conv.offsets,
      .steps = conv.steps,
      .image = static_cast<const typename Op::Unit*>(conv.image) + tile.y * conv.y.stride * conv.row_words +
               tile.x * conv.x.stride * pixel + tile.group * conv.words + tile.vector * Op::kVectorUnits,
      .pixel_words = conv.x.stride * pixel,
      .weights = conv.weights + (tile.group * conv.vectors + tile.vector) * conv.vector_words,
      .vector_words = conv.vector_words};
  Ints sums[kPixels][kVectors];
  Op::template sum<kPixels, kVectors>(words, sums);
#pragma GCC unroll 1
  for (int p = 0; p < kPixels; ++p) {
    Tile pixel_tile{tile.y, tile.x + p, tile.group, tile.vector};
    const bool inside = conv.halo_sums == nullptr || is_inside(conv, pixel_tile);
#pragma GCC unroll 1
    for (int v = 0; v < kVectors; ++v, ++pixel_tile.vector) finish(conv, pixel_tile, inside, sums[p][v]);
  }
}

// One row of the output, kVectors vectors of filters.
template <class Op, int kVectors>
void run_row(const WordConv& conv, Tile tile) {
  for (; tile.x + Op::kPixels <= conv.x.out; tile.x += Op::kPixels) run_tile<Op, Op::kPixels, kVectors>(conv, tile);
  if constexpr (Op::kPixels > 2)
    for (; tile.x + 2 <= conv.x.out; tile.x += 2) run_tile<Op, 2, kVectors>(conv, tile);
  for (; tile.x < conv.x.out; ++tile.x) run_tile<Op, 1, kVectors>(conv, tile);
}

// Op: Unit, units from one vector of filters to the next, pixels and vectors of a tile at most, vectors at least.
template <class Op>
void run_blocks(const WordConv& conv, std::int64_t from, std::int64_t to) {
  const std::int64_t blocks = (conv.vectors + kBlockVectors - 1) / kBlockVectors;
  for (std::int64_t i = from; i < to; ++i) {
    const std::int64_t row = i / blocks;
    Tile tile{row / conv.groups, 0, row % conv.groups, i % blocks * kBlockVectors};
    std::int64_t left = conv.vectors - tile.vector < kBlockVectors ? conv.vectors - tile.vector : kBlockVectors;
    for (; left >= Op::kVectors; left -= Op::kVectors, tile.vector += Op::kVectors)
      run_row<Op, Op::kVectors>(conv, tile);
    if constexpr (Op::kVectors / 2 > Op::kLeastVectors)
      for (; left >= Op::kVectors / 2; left -= Op::kVectors / 2, tile.vector += Op::kVectors / 2)
        run_row<Op, Op::kVectors / 2>(conv, tile);
    if constexpr (Op::kVectors > Op::kLeastVectors)
      for (; left > 0; left -= Op::kLeastVectors, tile.vector += Op::kLeastVectors)
        run_row<Op, Op::kLeastVectors>(conv, tile);
  }
}

}  // namespace
}  // namespace cleave::CLEAVE_ISA
