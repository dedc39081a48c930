// Vectors of filters, and the end of their sums. For the files that are compiled once per instruction set: local to
// each.
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

// values, brought into an interval; a NaN stays one.
CLEAVE_INLINE void clamp_values(const WordConv& conv, Floats& values) {
  const Floats low = conv.low - Floats{};
  const Floats high = conv.high - Floats{};
#if defined(__AVX512F__)
  values = (Floats)_mm512_maskz_min_ps(0xFFFF, (__m512)high, _mm512_maskz_max_ps(0xFFFF, (__m512)low, (__m512)values));
#elif defined(__AVX2__)
  values = (Floats)_mm256_min_ps((__m256)high, _mm256_max_ps((__m256)low, (__m256)values));
#else
  values = values < low ? low : values > high ? high : values;
#endif
}

// Turns the sums of one pixel and one vector of filters, `used` of whose lanes are filters, into floats, and writes
// them to `place` of the output's row.
CLEAVE_INLINE void finish(const WordConv& conv, const Tile& tile, const Ints& counted, std::int64_t place, bool inside,
                          std::int64_t used) {
  const std::int64_t at = tile.group * conv.vectors + tile.vector;
  Ints sum = counted + vector_at<Ints>(conv.base + at * kLanes);
  if (__builtin_expect(!inside, 0)) add_halo(conv, tile, at, sum);
  Floats value = __builtin_convertvector(sum, Floats);
  value = value * vector_at<Floats>(conv.scale + at * kLanes) + vector_at<Floats>(conv.bias + at * kLanes);
  if (conv.add != nullptr) {
    const float* add = conv.add + tile.y * conv.add_row + place;
    Floats other{};
    if (used == kLanes) other = *reinterpret_cast<const AnyFloats*>(add);
    else std::memcpy(&other, add, static_cast<std::size_t>(used) * sizeof(float));
    value += other;
  }
  clamp_values(conv, value);
  float* to = conv.output + tile.y * conv.output_row + place;
  if (used == kLanes) *reinterpret_cast<AnyFloats*>(to) = value;
  else std::memcpy(to, &value, static_cast<std::size_t>(used) * sizeof(float));
}

// The same for `vectors` vectors, of which the last may have few filters or none.
inline __attribute__((noinline)) void finish_part(const WordConv& conv, Tile tile, const Ints* sums, int vectors,
                                                  std::int64_t place, bool inside) {
  for (int v = 0; v < vectors; ++v, ++tile.vector, place += kLanes) {
    const std::int64_t left = conv.filters - tile.vector * kLanes;
    if (left > 0) finish(conv, tile, sums[v], place, inside, left < kLanes ? left : kLanes);
  }
}

template <int kPixels, int kVectors>
CLEAVE_INLINE void finish_tile(const WordConv& conv, const Tile& tile, const Ints (&sums)[kPixels][kVectors]) {
  const bool full = conv.filters >= (tile.vector + kVectors) * kLanes;
  for (int p = 0; p < kPixels; ++p) {
    const Tile pixel{tile.y, tile.x + p, tile.group, tile.vector};
    const bool inside = conv.halo_sums == nullptr || is_inside(conv, pixel);
    const std::int64_t place = (pixel.x * conv.groups + tile.group) * conv.filters + tile.vector * kLanes;
    if (!full) {
      finish_part(conv, pixel, sums[p], kVectors, place, inside);
      continue;
    }
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      finish(conv, {pixel.y, pixel.x, pixel.group, pixel.vector + v}, sums[p][v], place + v * kLanes, inside, kLanes);
  }
}

}  // namespace
}  // namespace cleave::CLEAVE_ISA
