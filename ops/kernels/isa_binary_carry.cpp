// Binary layers in carry-save form, compiled once per instruction set (see isa_binary.cpp for the rest).
//
// Where counting the bits of a word takes many instructions, words are added up digit by digit first (Harley and Seal;
// Warren 2013, Hacker's Delight, 5-1): three words become one of ones and one of twos by two logical operations each.
// Of eight words only one is counted, which holds eights; the ones, twos and fours left over are counted once a window.
#include <cstdint>

#include "ops/kernels/isa_bits.h"

namespace cleave::CLEAVE_ISA {

namespace {

// ones + a + b, bit by bit: the sum stays in `ones`, `twos` is the carry.
CLEAVE_INLINE void add_bits(Words& ones, const Words& a, const Words& b, Words& twos) {
#if defined(__AVX512F__)
  const __m512i x = (__m512i)ones;
  twos = (Words)_mm512_ternarylogic_epi32(x, (__m512i)a, (__m512i)b, 0xE8);
  ones = (Words)_mm512_ternarylogic_epi32(x, (__m512i)a, (__m512i)b, 0x96);
#else
  const Words either = ones ^ a;
  twos = (ones & a) | (either & b);
  ones = either ^ b;
#endif
}

// What has been added up of one pixel and one vector of filters.
struct Digits {
  Words ones, twos, fours;
  Words eights;  // counted, in bytes
};

template <class Bits>
CLEAVE_INLINE void add_eight(const TileWords<std::uint32_t>& words, std::int64_t step, std::int64_t pixel,
                             std::int64_t vector, Digits& digits) {
  const std::uint32_t* image = words.image + pixel * words.pixel_words;
  const std::uint32_t* weights = words.weights + vector * words.vector_words + step * Bits::kPlanes * kLanes;
  const std::int32_t* offsets = words.offsets + step;
  Words twos[2], fours[2];
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
#pragma GCC unroll 2
    for (int quarter = 0; quarter < 2; ++quarter) {
      const int first = 4 * half + 2 * quarter;
      Words a, b;
      Bits::differ(weights + first * Bits::kPlanes * kLanes, image[offsets[first]], a);
      Bits::differ(weights + (first + 1) * Bits::kPlanes * kLanes, image[offsets[first + 1]], b);
      add_bits(digits.ones, a, b, twos[quarter]);
    }
    add_bits(digits.twos, twos[0], twos[1], fours[half]);
  }
  Words eights;
  add_bits(digits.fours, fours[0], fours[1], eights);
  count_bytes(eights, eights);
  digits.eights = (Words)((Bytes)digits.eights + (Bytes)eights);
}

template <class Bits>
struct Carry {
  using Unit = std::uint32_t;
  static constexpr int kVectorUnits = 0;
  static constexpr int kPixels = 2, kVectors = 1, kLeastVectors = 1;
  static constexpr std::int64_t kHeld = 8 * 31;  // steps whose eights a byte holds

  template <int kTile, int kRows>
  CLEAVE_INLINE static void sum(const TileWords<Unit>& words, Ints (&sums)[kTile][kRows]) {
    Ints counts[kTile][kRows]{};
    const std::int64_t whole = words.steps / 8 * 8;
    Words left[kTile][kRows]{};
    count_steps<Bits>(words, whole, words.steps, left);
    for (std::int64_t s = 0; s < whole; s += kHeld) {
      const std::int64_t end = whole - s < kHeld ? whole : s + kHeld;
      Digits digits[kTile][kRows]{};
      for (std::int64_t at = s; at < end; at += 8)
#pragma GCC unroll 4
        for (int p = 0; p < kTile; ++p)
#pragma GCC unroll 4
          for (int v = 0; v < kRows; ++v) add_eight<Bits>(words, at, p, v, digits[p][v]);
#pragma GCC unroll 4
      for (int p = 0; p < kTile; ++p)
#pragma GCC unroll 4
        for (int v = 0; v < kRows; ++v) add_digits(digits[p][v], counts[p][v]);
    }
#pragma GCC unroll 4
    for (int p = 0; p < kTile; ++p)
#pragma GCC unroll 4
      for (int v = 0; v < kRows; ++v) {
        Ints sum;
        add_bytes(left[p][v], sum);
        sums[p][v] = -2 * (counts[p][v] + sum);
      }
  }

  CLEAVE_INLINE static void add_digits(const Digits& digits, Ints& sum) {
    Words ones, twos, fours;
    count_bytes(digits.ones, ones);
    count_bytes(digits.twos, twos);
    count_bytes(digits.fours, fours);
    const Bytes two = (Bytes)twos;
    const Bytes four = (Bytes)fours + (Bytes)fours;
    Ints low, eights;
    add_bytes((Words)((Bytes)ones + two + two + four + four), low);  // at most 8 * 7 in a byte
    add_bytes(digits.eights, eights);
    sum += low + 8 * eights;
  }
};

}  // namespace

constinit const WordConvRun kBinaryCarry[3] = {run_blocks<Carry<SignBits>>, run_blocks<Carry<ZeroOneBits>>,
                                               run_blocks<Carry<TernaryBits>>};

}  // namespace cleave::CLEAVE_ISA
