// What the forms of the binary kernels share: which bits count, and counting them. For the files that are compiled once
// per instruction set only: all of it is local to each of them.
#pragma once

#include <cstdint>

#include "ops/kernels/binary_kernels.h"
#include "ops/kernels/isa_words.h"

namespace cleave::CLEAVE_ISA {

// Of the files isa_binary_*.cpp, by BinaryWeights.
extern const WordConvRun kBinaryCarry[3];
extern const WordConvRun kBinaryTable[3];

namespace {

using Bytes = std::uint8_t __attribute__((vector_size(4 * kLanes)));

// The bits that count where weights are ±1, 0 and 1, or ±1 with a mask.
struct SignBits {
  static constexpr int kPlanes = 1;
  CLEAVE_INLINE static void differ(const std::uint32_t* weights, std::uint32_t input, Words& bits) {
    bits = vector_at<Words>(weights) ^ (Words{} + input);
  }
};
struct ZeroOneBits {
  static constexpr int kPlanes = 1;
  CLEAVE_INLINE static void differ(const std::uint32_t* weights, std::uint32_t input, Words& bits) {
    bits = vector_at<Words>(weights) & ~(Words{} + input);
  }
};
struct TernaryBits {
  static constexpr int kPlanes = 2;
  CLEAVE_INLINE static void differ(const std::uint32_t* weights, std::uint32_t input, Words& bits) {
    bits = (vector_at<Words>(weights) ^ (Words{} + input)) & vector_at<Words>(weights + kLanes);
  }
};

#if defined(__AVX2__)
// The bits of 0 to 15, for every 16 bytes.
alignas(64) constexpr std::uint8_t kHalfByteBits[64] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                                        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                                        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                                        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
#endif

// The bits of each byte. Vectors go by reference, see isa_train.cpp.
CLEAVE_INLINE void count_bytes(const Words& bits, Words& counts) {
#if defined(__AVX512BW__)
  const __m512i table = (__m512i)vector_at<Words>(kHalfByteBits);
  const Words low = bits & 0x0F0F0F0FU;
  const Words high = (bits >> 4) & 0x0F0F0F0FU;
  counts = (Words)((Bytes)_mm512_shuffle_epi8(table, (__m512i)low) + (Bytes)_mm512_shuffle_epi8(table, (__m512i)high));
#elif defined(__AVX2__)
  const __m256i table = (__m256i)vector_at<Words>(kHalfByteBits);
  const Words low = bits & 0x0F0F0F0FU;
  const Words high = (bits >> 4) & 0x0F0F0F0FU;
  counts = (Words)((Bytes)_mm256_shuffle_epi8(table, (__m256i)low) + (Bytes)_mm256_shuffle_epi8(table, (__m256i)high));
#elif defined(__ARM_NEON)
  counts = (Words)vcntq_u8((uint8x16_t)bits);
#else
  Words x = bits - ((bits >> 1) & 0x55555555U);
  x = (x & 0x33333333U) + ((x >> 2) & 0x33333333U);
  counts = (x + (x >> 4)) & 0x0F0F0F0FU;
#endif
}

// The four bytes of each word, added.
CLEAVE_INLINE void add_bytes(const Words& counts, Ints& sum) {
#if defined(__AVX512BW__)
  const __m512i pairs = _mm512_maddubs_epi16((__m512i)counts, _mm512_set1_epi8(1));
  sum = (Ints)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
#elif defined(__AVX2__)
  const __m256i pairs = _mm256_maddubs_epi16((__m256i)counts, _mm256_set1_epi8(1));
  sum = (Ints)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#elif defined(__ARM_NEON)
  sum = (Ints)vpaddlq_u16(vpaddlq_u8((uint8x16_t)counts));
#else
  const Words pairs = (counts & 0x00FF00FFU) + ((counts >> 8) & 0x00FF00FFU);
  sum = (Ints)((pairs & 0xFFFFU) + (pairs >> 16));
#endif
}

// Adds the bits that differ in the steps [from, to), whose number a byte must be able to hold eight times.
template <class Bits, int kTile, int kRows>
CLEAVE_INLINE void count_steps(const TileWords<std::uint32_t>& words, std::int64_t from, std::int64_t to,
                               Words (&counts)[kTile][kRows]) {
  const std::uint32_t* weights = words.weights + from * Bits::kPlanes * kLanes;
  for (std::int64_t s = from; s < to; ++s, weights += Bits::kPlanes * kLanes) {
    const std::uint32_t* input = words.image + words.offsets[s];
#pragma GCC unroll 8
    for (int p = 0; p < kTile; ++p)
#pragma GCC unroll 4
      for (int v = 0; v < kRows; ++v) {
        Words bits;
        Bits::differ(weights + v * words.vector_words, input[p * words.pixel_words], bits);
#if defined(__AVX512VPOPCNTDQ__)
        counts[p][v] += (Words)_mm512_popcnt_epi32((__m512i)bits);
#else
        count_bytes(bits, bits);
        counts[p][v] = (Words)((Bytes)counts[p][v] + (Bytes)bits);
#endif
      }
  }
}

}  // namespace
}  // namespace cleave::CLEAVE_ISA
