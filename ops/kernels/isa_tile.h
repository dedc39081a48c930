// What the tiles of inference share: vectors of this instruction set's width, sums in registers, and how a result is
// finished. For the files that are compiled once per instruction set; everything is local to each of them.
#pragma once

#include <cstdint>

#include "ops/kernels/infer_kernels.h"

namespace cleave::CLEAVE_ISA {
namespace {

// Pixels of the widest tile by its vectors: as many sums as there are registers.
#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kWidths[kMostVectors + 1] = {0, 16, 14, 9, 7};
#elif defined(__AVX__)
constexpr int kLanes = 8;
constexpr int kWidths[kMostVectors + 1] = {0, 8, 6, 4, 0};
#elif defined(__aarch64__)
constexpr int kLanes = 4;
constexpr int kWidths[kMostVectors + 1] = {0, 8, 8, 8, 6};
#else
constexpr int kLanes = 4;
constexpr int kWidths[kMostVectors + 1] = {0, 8, 6, 4, 0};
#endif
using V = float __attribute__((vector_size(kLanes * 4)));
using Unaligned = float __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

#define CLEAVE_LOAD(p) (*reinterpret_cast<const Unaligned*>(p))
#define CLEAVE_STORE(p, v) (*reinterpret_cast<Unaligned*>(p) = (v))
#define CLEAVE_INLINE inline __attribute__((always_inline))
#define CLEAVE_UNROLL _Pragma("GCC unroll 16")

// Three pixels share a pointer: more would not be left in registers, and the others' offsets are free in an address.
constexpr int kShared = 3;

template <int kPixels, int kVectors, int kInputs>
CLEAVE_INLINE void add_inputs(V (&sums)[kPixels][kVectors], const float* (&pixels)[(kPixels + kShared - 1) / kShared],
                              const float*& weights, std::int64_t step) {
  CLEAVE_UNROLL
  for (int i = 0; i < kInputs; ++i) {
    V factors[kVectors];
    CLEAVE_UNROLL
    for (int v = 0; v < kVectors; ++v) factors[v] = CLEAVE_LOAD(weights + (i * kVectors + v) * kLanes);
    CLEAVE_UNROLL
    for (int p = 0; p < kPixels; ++p) {
      const float x = pixels[p / kShared][p % kShared * step + i];
      CLEAVE_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[p][v] += x * factors[v];
    }
  }
  CLEAVE_UNROLL
  for (int k = 0; k < (kPixels + kShared - 1) / kShared; ++k) pixels[k] += kInputs;
  weights += kInputs * kVectors * kLanes;
}

// Adds a run of inputs that lie side by side; `weights` goes on to the next run's.
template <int kPixels, int kVectors>
CLEAVE_INLINE void add_run(V (&sums)[kPixels][kVectors], const float* from, const float*& weights, std::int64_t run,
                           std::int64_t step) {
  constexpr int kPointers = (kPixels + kShared - 1) / kShared;
  const float* pixels[kPointers];
  CLEAVE_UNROLL
  for (int k = 0; k < kPointers; ++k) {
    pixels[k] = from + k * kShared * step;
    asm("" : "+r"(pixels[k]));  // else the compiler derives them from each other inside the loop
  }
  std::int64_t i = 0;
  for (; i + 4 <= run; i += 4) add_inputs<kPixels, kVectors, 4>(sums, pixels, weights, step);
  for (; i < run; ++i) add_inputs<kPixels, kVectors, 1>(sums, pixels, weights, step);
}

// Adds, clamps and stores one vector of results.
CLEAVE_INLINE void store_whole(float* to, const float* add, const V& sum, const ImageOut& out) {
  V x = sum;
  if (add != nullptr) x += CLEAVE_LOAD(add);
  x = x < out.low ? V{} + out.low : x;
  CLEAVE_STORE(to, x > out.high ? V{} + out.high : x);
}

// The same for the first `count` lanes of a vector.
[[maybe_unused]] __attribute__((noinline)) void store_some(float* to, const float* add, const float* sums,
                                                           const ImageOut& out, std::int64_t count) {
  for (std::int64_t lane = 0; lane < count; ++lane) {
    float x = add == nullptr ? sums[lane] : sums[lane] + add[lane];
    x = x < out.low ? out.low : x;
    to[lane] = x > out.high ? out.high : x;
  }
}

}  // namespace
}  // namespace cleave::CLEAVE_ISA
