// Block-sparse rows, compiled once per instruction set (without fused multiply-adds, see sparse_kernels.h). The samples
// are taken four at a time, so that a block of weights is read once for four of them.
#include <cstdint>

#include "ops/kernels/sparse_kernels.h"

namespace cleave::CLEAVE_ISA {

extern const SparseKernels kSparseKernels;

namespace {

using V = float __attribute__((vector_size(64)));
using Unaligned = float __attribute__((vector_size(64), aligned(4), may_alias));

#define CLEAVE_INLINE inline __attribute__((always_inline))

// The sum of the lanes, in halves.
CLEAVE_INLINE float sum_of(const V& v) {
  float lanes[kSparseBlock];
  *reinterpret_cast<Unaligned*>(lanes) = v;
  for (std::int64_t half = kSparseBlock / 2; half > 0; half /= 2)
    for (std::int64_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

template <int kSamples>
CLEAVE_INLINE void tile(const BlockRows& rows, const float* input, std::int64_t inputs, float* output,
                        std::int64_t units) {
  std::int64_t block = 0;
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    V sums[kSamples]{};
    for (; block < rows.ends[r]; ++block) {
      const V weights = *reinterpret_cast<const Unaligned*>(rows.values + block * kSparseBlock);
      const float* from = input + rows.firsts[block];
      for (int s = 0; s < kSamples; ++s) sums[s] += weights * *reinterpret_cast<const Unaligned*>(from + s * inputs);
    }
    for (int s = 0; s < kSamples; ++s) output[s * units + rows.places[r]] = sum_of(sums[s]) + rows.bias[r];
  }
}

void block_rows(const BlockRows& rows, const float* input, std::int64_t inputs, std::int64_t samples, float* output,
                std::int64_t units) {
  constexpr int kTile = 4;
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
