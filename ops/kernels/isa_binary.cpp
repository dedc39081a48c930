// Binary layers by counting bits, compiled once per instruction set (without fused multiply-adds, so that every one
// gives the same bits).
//
// One lane of a vector takes one filter, 32 channels at a time: the word of the inputs goes to all lanes, exclusive or
// with the words of the weights leaves the bits that differ, and these are counted: by an instruction for whole words
// (AVX-512 VPOPCNTDQ), or byte by byte: by an instruction (NEON), by looking up half bytes (AVX2, AVX-512BW), or in
// place (Warren 2013, Hacker's Delight, 5-1). Bytes are added up as long as they hold the counts.
#include <cstdint>

#include "ops/kernels/binary_kernels.h"
#include "ops/kernels/isa_bits.h"

namespace cleave::CLEAVE_ISA {

extern const BinaryKernels kBinaryKernels;

namespace {

template <class Bits>
struct Count {
  using Unit = std::uint32_t;
  static constexpr int kVectorUnits = 0;
#if defined(__AVX512F__) || defined(__ARM_NEON)
  static constexpr int kPixels = 4, kVectors = 4, kLeastVectors = 1;
#else
  static constexpr int kPixels = 2, kVectors = 2, kLeastVectors = 1;
#endif

#if defined(__AVX512VPOPCNTDQ__)
  template <int kTile, int kRows>
  CLEAVE_INLINE static void sum(const TileWords<Unit>& words, Ints (&sums)[kTile][kRows]) {
    Words counts[kTile][kRows]{};
    count_steps<Bits>(words, 0, words.steps, counts);
#pragma GCC unroll 8
    for (int p = 0; p < kTile; ++p)
#pragma GCC unroll 8
      for (int v = 0; v < kRows; ++v) sums[p][v] = -2 * (Ints)counts[p][v];
  }
#else
  static constexpr std::int64_t kHeld = 31;  // steps whose counts a byte holds

  template <int kTile, int kRows>
  CLEAVE_INLINE static void sum(const TileWords<Unit>& words, Ints (&sums)[kTile][kRows]) {
    Ints totals[kTile][kRows]{};
    for (std::int64_t s = 0; s < words.steps; s += kHeld) {
      Words counts[kTile][kRows]{};
      count_steps<Bits>(words, s, words.steps - s < kHeld ? words.steps : s + kHeld, counts);
#pragma GCC unroll 8
      for (int p = 0; p < kTile; ++p)
#pragma GCC unroll 8
        for (int v = 0; v < kRows; ++v) {
          Ints total;
          add_bytes(counts[p][v], total);
          totals[p][v] += total;
        }
    }
#pragma GCC unroll 8
    for (int p = 0; p < kTile; ++p)
#pragma GCC unroll 8
      for (int v = 0; v < kRows; ++v) sums[p][v] = -2 * totals[p][v];
  }
#endif
};

// The bits of 32 floats.
CLEAVE_INLINE std::uint32_t sign_bits(const float* from) {
#if defined(__AVX512DQ__)
  const auto half = [](const float* at) -> std::uint32_t {
    return _mm512_movepi32_mask(_mm512_castps_si512(_mm512_loadu_ps(at)));
  };
  return ~(half(from) | half(from + 16) << 16);
#elif defined(__SSE2__)
  std::uint32_t minus = 0;
#if defined(__AVX__)
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i)
    minus |= static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_loadu_ps(from + 8 * i))) << 8 * i;
#else
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) minus |= static_cast<std::uint32_t>(_mm_movemask_ps(_mm_loadu_ps(from + 4 * i))) << 4 * i;
#endif
  return ~minus;
#elif defined(__ARM_NEON)
  constexpr std::int32_t kPlaces[] = {0, 1, 2, 3};
  const int32x4_t places = vld1q_s32(kPlaces);
  uint32x4_t minus = vdupq_n_u32(0);
  for (int i = 7; i >= 0; --i) {
    const uint32x4_t bits = vshrq_n_u32(vreinterpretq_u32_f32(vld1q_f32(from + 4 * i)), 31);
    minus = vorrq_u32(vshlq_n_u32(minus, 4), bits);
  }
  return ~vaddvq_u32(vshlq_u32(minus, places));
#else
  std::uint32_t plus = 0;
  for (int i = 0; i < 32; ++i) plus |= static_cast<std::uint32_t>(!__builtin_signbit(from[i])) << i;
  return plus;
#endif
}

void pack(const float* from, std::int64_t items, std::int64_t channels, std::uint32_t* to) {
  for (std::int64_t i = 0; i < items; ++i) {
    std::int64_t c = 0;
    for (; c + 32 <= channels; c += 32, from += 32) *to++ = sign_bits(from);
    if (c == channels) continue;
    std::uint32_t bits = 0;
    for (int b = 0; c < channels; ++b, ++c) bits |= static_cast<std::uint32_t>(!__builtin_signbit(*from++)) << b;
    *to++ = bits;
  }
}

constexpr WordConvRun kCount[3] = {run_blocks<Count<SignBits>>, run_blocks<Count<ZeroOneBits>>,
                                   run_blocks<Count<TernaryBits>>};

#if defined(__AVX512VPOPCNTDQ__) || defined(__ARM_NEON)
constexpr bool kCounts = true;
#else
constexpr bool kCounts = false;
#endif

}  // namespace

constinit const BinaryKernels kBinaryKernels = {
#define CLEAVE_TEXT(x) #x
#define CLEAVE_NAME(x) CLEAVE_TEXT(x)
    CLEAVE_NAME(CLEAVE_ISA), kLanes, kCounts, pack, {kCount, kBinaryCarry, kBinaryTable}};

}  // namespace cleave::CLEAVE_ISA
