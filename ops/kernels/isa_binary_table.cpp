// Binary layers by looking up half bytes, compiled once per instruction set (see isa_binary.cpp for the rest).
//
// One byte of a vector takes one filter, four channels at a time: four bits of the inputs choose a table of 16 bytes,
// the bits that differ from 0, 1 … 15; four bits of a filter's weights look its number up. That is one shuffle and one
// addition for four products of every lane, whatever the values: nothing has to be counted.
#include <cstdint>

#include "ops/kernels/isa_bits.h"

namespace cleave::CLEAVE_ISA {

#if defined(__AVX2__)

namespace {

using Pairs = std::uint16_t __attribute__((vector_size(4 * kLanes)));

// Tables by 16·(four bits of inputs): entry w counts the bits of `Differ` of the inputs and w.
struct alignas(64) HalfByteTables {
  std::uint8_t entries[256];
};
template <bool kSign>
constexpr HalfByteTables half_byte_tables() {
  HalfByteTables tables{};
  for (unsigned input = 0; input < 16; ++input)
    for (unsigned weights = 0; weights < 16; ++weights) {
      const unsigned bits = kSign ? input ^ weights : ~input & weights;
      tables.entries[16 * input + weights] =
          static_cast<std::uint8_t>((bits & 1) + (bits >> 1 & 1) + (bits >> 2 & 1) + (bits >> 3 & 1));
    }
  return tables;
}
template <bool kSign>
constexpr HalfByteTables kTables = half_byte_tables<kSign>();

// counts += the entries of the table at `table` that the bytes of `weights` name.
CLEAVE_INLINE void look_up(const std::uint8_t* table, const Words& weights, Words& counts) {
  const __m128i row = *reinterpret_cast<const __m128i*>(table);
#if defined(__AVX512BW__)
  const __m512i rows = _mm512_maskz_broadcast_i32x4(static_cast<__mmask16>(-1), row);
  counts = (Words)((Bytes)counts + (Bytes)_mm512_shuffle_epi8(rows, (__m512i)weights));
#else
  counts = (Words)((Bytes)counts + (Bytes)_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(row), (__m256i)weights));
#endif
}

template <bool kSign>
struct Table {
  using Unit = std::uint8_t;
  static constexpr int kVectorUnits = 0;
  static constexpr int kFour = static_cast<int>(kTableVectors);
  static constexpr int kPixels = 4, kVectors = 2 * kFour, kLeastVectors = kFour;
  static constexpr std::int64_t kHeld = 63;  // steps whose counts a byte holds

  template <int kTile, int kRows>
  CLEAVE_INLINE static void sum(const TileWords<Unit>& words, Ints (&sums)[kTile][kRows]) {
    constexpr int kFours = kRows / kFour;
    Pairs even[kTile][kFours]{}, odd[kTile][kFours]{};
    for (std::int64_t s = 0; s < words.steps; s += kHeld) {
      Words counts[kTile][kFours]{};
      look_up_steps(words, s, words.steps - s < kHeld ? words.steps : s + kHeld, counts);
      for (int p = 0; p < kTile; ++p)
        for (int v = 0; v < kFours; ++v) {
          even[p][v] += (Pairs)counts[p][v] & 0xFF;
          odd[p][v] += (Pairs)counts[p][v] >> 8;
        }
    }
    for (int p = 0; p < kTile; ++p)
      for (int v = 0; v < kFours; ++v) {
        sums[p][kFour * v] = -2 * ((Ints)even[p][v] & 0xFFFF);
        sums[p][kFour * v + 1] = -2 * (Ints)((Words)even[p][v] >> 16);
        sums[p][kFour * v + 2] = -2 * ((Ints)odd[p][v] & 0xFFFF);
        sums[p][kFour * v + 3] = -2 * (Ints)((Words)odd[p][v] >> 16);
      }
  }

  template <int kTile, int kFours>
  CLEAVE_INLINE static void look_up_steps(const TileWords<Unit>& words, std::int64_t from, std::int64_t to,
                                          Words (&counts)[kTile][kFours]) {
    const std::uint32_t* weights = words.weights + from * kLanes;
    for (std::int64_t s = from; s < to; ++s, weights += kLanes) {
      const std::uint8_t* input = words.image + words.offsets[s];
#pragma GCC unroll 4
      for (int p = 0; p < kTile; ++p)
#pragma GCC unroll 2
        for (int v = 0; v < kFours; ++v)
          look_up(kTables<kSign>.entries + input[p * words.pixel_words],
                  vector_at<Words>(weights + v * kFour * words.vector_words), counts[p][v]);
    }
  }
};

}  // namespace

constinit const WordConvRun kBinaryTable[3] = {run_blocks<Table<true>>, run_blocks<Table<false>>, nullptr};

#else

const WordConvRun kBinaryTable[3] = {};

#endif

}  // namespace cleave::CLEAVE_ISA
