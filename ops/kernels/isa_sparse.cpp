// Block-sparse rows, compiled once per instruction set (without fused multiply-adds, see sparse_kernels.h). A few
// samples are taken at a time, so that a block of weights is read once for all of them.
#include <cstdint>

#include "ops/kernels/sparse_kernels.h"

namespace cleave::CLEAVE_ISA {

extern const SparseKernels kSparseKernels;

namespace {

// The widest registers: of wider vectors the compiler makes loops through memory.
#if defined(__AVX512F__)
constexpr int kWidth = 16;
#elif defined(__AVX__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif
constexpr int kParts = static_cast<int>(kSparseBlock) / kWidth;
constexpr int kTile = kWidth == 4 ? 2 : 4;  // samples at a time whose sums fit into the registers

using V = float __attribute__((vector_size(4 * kWidth)));
using Unaligned = float __attribute__((vector_size(4 * kWidth), aligned(4), may_alias));
using Quarter = float __attribute__((vector_size(16)));

#define CLEAVE_INLINE inline __attribute__((always_inline))

// Lanes i, i + 8, i + 4 and i + 12 of a block in lane i. Vectors go by reference, see isa_train.cpp.
CLEAVE_INLINE void fold(const V (&v)[kParts], Quarter& to) {
#if defined(__AVX__)
  using Half = float __attribute__((vector_size(32)));
#if defined(__AVX512F__)
  const Half half = __builtin_shufflevector(v[0], v[0], 0, 1, 2, 3, 4, 5, 6, 7) +
                    __builtin_shufflevector(v[0], v[0], 8, 9, 10, 11, 12, 13, 14, 15);
#else
  const Half half = v[0] + v[1];
#endif
  to = __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
#else
  to = (v[0] + v[2]) + (v[1] + v[3]);
#endif
}

// The sums of the lanes of four vectors, by transposing what is left of them: each as (0 + 2) + (1 + 3).
CLEAVE_INLINE void sums_of(const V (&v)[4][kParts], float (&to)[4]) {
  Quarter q[4];
  for (int s = 0; s < 4; ++s) fold(v[s], q[s]);
  const Quarter a = __builtin_shufflevector(q[0], q[1], 0, 4, 1, 5) + __builtin_shufflevector(q[0], q[1], 2, 6, 3, 7);
  const Quarter b = __builtin_shufflevector(q[2], q[3], 0, 4, 1, 5) + __builtin_shufflevector(q[2], q[3], 2, 6, 3, 7);
  const Quarter sums = __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
  for (int s = 0; s < 4; ++s) to[s] = sums[s];
}

template <int kSamples>
CLEAVE_INLINE void sums_of(const V (&v)[kSamples][kParts], float (&to)[kSamples]) {
  for (int s = 0; s < kSamples; ++s) {
    Quarter q;
    fold(v[s], q);
    to[s] = (q[0] + q[2]) + (q[1] + q[3]);
  }
}

template <int kSamples>
CLEAVE_INLINE void tile(const BlockRows& rows, const float* input, std::int64_t inputs, float* output,
                        std::int64_t units) {
  std::int64_t block = 0;
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    V sums[kSamples][kParts]{};
    for (; block < rows.ends[r]; ++block) {
      const float* weights = rows.values + block * kSparseBlock;
      const float* from = input + rows.firsts[block];
#pragma GCC unroll 4
      for (int p = 0; p < kParts; ++p) {
        const V factor = *reinterpret_cast<const Unaligned*>(weights + p * kWidth);
#pragma GCC unroll 4
        for (int s = 0; s < kSamples; ++s)
          sums[s][p] += factor * *reinterpret_cast<const Unaligned*>(from + s * inputs + p * kWidth);
      }
    }
    float results[kSamples];
    sums_of(sums, results);
    float* to = output + rows.places[r];
    for (int s = 0; s < kSamples; ++s) to[s * units] = results[s] + rows.bias[r];
  }
}

void block_rows(const BlockRows& rows, const float* input, std::int64_t inputs, std::int64_t samples, float* output,
                std::int64_t units) {
  std::int64_t s = 0;
  for (; s + kTile <= samples; s += kTile) tile<kTile>(rows, input + s * inputs, inputs, output + s * units, units);
  for (; s < samples; ++s) tile<1>(rows, input + s * inputs, inputs, output + s * units, units);
}

}  // namespace

const SparseKernels kSparseKernels = {
#define CLEAVE_TEXT(x) #x
#define CLEAVE_NAME(x) CLEAVE_TEXT(x)
    CLEAVE_NAME(CLEAVE_ISA), block_rows};

}  // namespace cleave::CLEAVE_ISA
