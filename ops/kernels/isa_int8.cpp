// int8 layers, compiled once per instruction set (without fused multiply-adds, so that every one gives the same bits).
//
// One lane of a vector takes one filter, a word of channels at a time: the inputs' word goes to all lanes. AVX-512 VNNI
// multiplies four bytes and adds the products, but takes one side as unsigned: inputs are 128 more there, and 128 times
// the sum of the weights is taken off at the end. Elsewhere x86 multiplies pairs of 16 bits, which is exact where its
// products of bytes saturate; NEON adds up to two products of bytes in 16 bits, which hold 2·127².
#include <cstdint>

#include "ops/kernels/isa_bytes.h"

namespace cleave::CLEAVE_ISA {

extern const Int8Kernels kInt8Kernels;

namespace {

#if !defined(__ARM_NEON)

// sum += the products of the lanes' bytes or pairs. Vectors go by reference, see isa_train.cpp.
CLEAVE_INLINE void add_products(const Words& inputs, const Words& weights, Ints& sum) {
#if defined(__AVX512VNNI__)
  sum = (Ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)inputs, (__m512i)weights);
#elif defined(__AVX512BW__)
  sum += (Ints)_mm512_madd_epi16((__m512i)inputs, (__m512i)weights);
#elif defined(__AVX2__)
  sum += (Ints)_mm256_madd_epi16((__m256i)inputs, (__m256i)weights);
#elif defined(__SSE2__)
  sum += (Ints)_mm_madd_epi16((__m128i)inputs, (__m128i)weights);
#else
  sum += ((Ints)inputs >> 16) * ((Ints)weights >> 16) + ((Ints)(inputs << 16) >> 16) * ((Ints)(weights << 16) >> 16);
#endif
}

#endif

struct Dot {
  using Unit = std::uint32_t;
  static constexpr int kVectorUnits = 0;
#if defined(__AVX512F__)
  static constexpr int kPixels = 4, kVectors = 4, kLeastVectors = 1;
#else
  static constexpr int kPixels = 4, kVectors = 2, kLeastVectors = 1;
#endif

#if defined(__ARM_NEON)
  // The products of one step, or of two.
  CLEAVE_INLINE static void multiply(const Words& inputs, const Words& weights, bool first, int16x8_t& low,
                                     int16x8_t& high) {
    const int8x16_t x = (int8x16_t)inputs;
    const int8x16_t w = (int8x16_t)weights;
    low = first ? vmull_s8(vget_low_s8(x), vget_low_s8(w)) : vmlal_s8(low, vget_low_s8(x), vget_low_s8(w));
    high = first ? vmull_high_s8(x, w) : vmlal_high_s8(high, x, w);
  }

  template <int kTile, int kRows>
  CLEAVE_INLINE static void sum(const TileWords<Unit>& words, Ints (&sums)[kTile][kRows]) {
    int32x4_t low[kTile][kRows]{}, high[kTile][kRows]{};  // filters 0 and 1, 2 and 3: channels 0 + 1, then 2 + 3
    for (std::int64_t s = 0; s < words.steps; s += 2) {
      const bool two = s + 1 < words.steps;
      const std::uint32_t* input = words.image + words.offsets[s];
      const std::uint32_t* next = words.image + words.offsets[two ? s + 1 : s];
      const std::uint32_t* weights = words.weights + s * kLanes;
#pragma GCC unroll 4
      for (int p = 0; p < kTile; ++p)
#pragma GCC unroll 2
        for (int v = 0; v < kRows; ++v) {
          const std::uint32_t* at = weights + v * words.vector_words;
          int16x8_t a, b;
          multiply(Words{} + input[p * words.pixel_words], vector_at<Words>(at), true, a, b);
          if (two) multiply(Words{} + next[p * words.pixel_words], vector_at<Words>(at + kLanes), false, a, b);
          low[p][v] = vpadalq_s16(low[p][v], a);
          high[p][v] = vpadalq_s16(high[p][v], b);
        }
    }
#pragma GCC unroll 4
    for (int p = 0; p < kTile; ++p)
#pragma GCC unroll 2
      for (int v = 0; v < kRows; ++v) sums[p][v] = (Ints)vpaddq_s32(low[p][v], high[p][v]);
  }
#else
  template <int kTile, int kRows>
  CLEAVE_INLINE static void sum(const TileWords<Unit>& words, Ints (&sums)[kTile][kRows]) {
    Ints totals[kTile][kRows]{};
    const std::uint32_t* weights = words.weights;
    for (std::int64_t s = 0; s < words.steps; ++s, weights += kLanes) {
      const std::uint32_t* input = words.image + words.offsets[s];
#pragma GCC unroll 4
      for (int p = 0; p < kTile; ++p)
#pragma GCC unroll 4
        for (int v = 0; v < kRows; ++v)
          add_products(Words{} + input[p * words.pixel_words], vector_at<Words>(weights + v * words.vector_words),
                       totals[p][v]);
    }
#pragma GCC unroll 4
    for (int p = 0; p < kTile; ++p)
#pragma GCC unroll 4
      for (int v = 0; v < kRows; ++v) sums[p][v] = totals[p][v];
  }
#endif
};

// A filter per channel: the lanes of the inputs are channels, too.
struct Each {
  using Unit = std::int16_t;
  using Halves = std::int16_t __attribute__((vector_size(2 * kLanes)));
  using AnyHalves = std::int16_t __attribute__((vector_size(2 * kLanes), aligned(2), may_alias));
  static constexpr int kVectorUnits = kLanes;
  static constexpr int kPixels = 4, kVectors = 2, kLeastVectors = 1;

  CLEAVE_INLINE static void add_product(const std::int16_t* inputs, const std::uint32_t* weights, Ints& sum) {
    const Halves halves = *reinterpret_cast<const AnyHalves*>(inputs);
#if defined(__ARM_NEON)
    const int16x4_t w = vmovn_s32(vreinterpretq_s32_u32(vld1q_u32(weights)));
    sum = (Ints)vmlal_s16((int32x4_t)sum, (int16x4_t)halves, w);
#elif defined(__SSE2__)
    const Ints x = __builtin_convertvector(halves, Ints);
    const Words& w = vector_at<Words>(weights);
#if defined(__AVX512BW__)
    sum += (Ints)_mm512_madd_epi16((__m512i)x, (__m512i)w);
#elif defined(__AVX2__)
    sum += (Ints)_mm256_madd_epi16((__m256i)x, (__m256i)w);
#else
    sum += (Ints)_mm_madd_epi16((__m128i)x, (__m128i)w);
#endif
#else
    sum += __builtin_convertvector(halves, Ints) * ((Ints)(vector_at<Words>(weights) << 16) >> 16);
#endif
  }

  template <int kTile, int kRows>
  CLEAVE_INLINE static void sum(const TileWords<Unit>& words, Ints (&sums)[kTile][kRows]) {
    Ints totals[kTile][kRows]{};
    const std::uint32_t* weights = words.weights;
    for (std::int64_t s = 0; s < words.steps; ++s, weights += kLanes) {
      const std::int16_t* input = words.image + words.offsets[s];
#pragma GCC unroll 4
      for (int p = 0; p < kTile; ++p)
#pragma GCC unroll 2
        for (int v = 0; v < kRows; ++v)
          add_product(input + p * words.pixel_words + v * kLanes, weights + v * words.vector_words, totals[p][v]);
    }
#pragma GCC unroll 4
    for (int p = 0; p < kTile; ++p)
#pragma GCC unroll 2
      for (int v = 0; v < kRows; ++v) sums[p][v] = totals[p][v];
  }
};

}  // namespace

constinit const Int8Kernels kInt8Kernels = {
#define CLEAVE_TEXT(x) #x
#define CLEAVE_NAME(x) CLEAVE_TEXT(x)
    CLEAVE_NAME(CLEAVE_ISA), kLanes, kChannels, kOffset, pack_words, run_blocks<Dot>, pack_each, run_blocks<Each>};

}  // namespace cleave::CLEAVE_ISA
