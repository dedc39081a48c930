// Rounding and packing the inputs of int8 layers, compiled once per instruction set (see isa_int8.cpp).
#include <cstdint>

#include "ops/kernels/isa_bytes.h"

namespace cleave::CLEAVE_ISA {

namespace {

// Rounding by what a float of this size can hold; its last bits are then the integer, and a NaN's are 0.
constexpr float kRound = 12582912.0F;  // 1.5 · 2^23
constexpr std::int32_t kRoundBits = 0x4B400000;

template <class Vector, class Bits>
CLEAVE_INLINE void round_values(Vector x, float inverse, Bits& to) {
  const Vector most = static_cast<float>(kMostInt8) - Vector{};
  x *= inverse;
  x = x > most ? most : x < -most ? -most : x;
  x += kRound;
  to = (Bits)x - kRoundBits;
}

CLEAVE_INLINE std::int32_t round_value(float x, float inverse) {
  using One = float __attribute__((vector_size(4)));
  using Bits = std::int32_t __attribute__((vector_size(4)));
  Bits bits;
  round_values(One{x}, inverse, bits);
  return bits[0];
}

// What rounded values are stored as.
struct InBytes {
  using Number = std::uint8_t;
  using Vector = Number __attribute__((vector_size(kLanes)));
  using AnyVector = Number __attribute__((vector_size(kLanes), aligned(1), may_alias));
};
struct InPairs {
  using Number = std::int16_t;
  using Vector = Number __attribute__((vector_size(2 * kLanes)));
  using AnyVector = Number __attribute__((vector_size(2 * kLanes), aligned(2), may_alias));
};

// Writes `channels` numbers and zeros up to `filled`.
template <class In>
CLEAVE_INLINE void pack_item(const float* from, std::int64_t channels, std::int64_t filled, float inverse,
                             std::int32_t offset, typename In::Number* to) {
  std::int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    Ints rounded;
    round_values(static_cast<Floats>(*reinterpret_cast<const AnyFloats*>(from + c)), inverse, rounded);
    *reinterpret_cast<typename In::AnyVector*>(to + c) = __builtin_convertvector(rounded + offset, typename In::Vector);
  }
  for (; c < channels; ++c) to[c] = static_cast<typename In::Number>(round_value(from[c], inverse) + offset);
  for (; c < filled; ++c) to[c] = 0;
}

}  // namespace

void pack_words(const float* from, std::int64_t items, std::int64_t channels, float inverse, std::uint32_t* to) {
  const std::int64_t words = (channels + kChannels - 1) / kChannels;
  for (std::int64_t i = 0; i < items; ++i, from += channels, to += words) {
    if constexpr (kChannels == 4)
      pack_item<InBytes>(from, channels, 4 * words, inverse, kOffset, reinterpret_cast<std::uint8_t*>(to));
    else pack_item<InPairs>(from, channels, 2 * words, inverse, 0, reinterpret_cast<std::int16_t*>(to));
  }
}

void pack_each(const float* from, std::int64_t items, std::int64_t channels, float inverse, std::int16_t* to) {
  const std::int64_t filled = (channels + kLanes - 1) / kLanes * kLanes;
  for (std::int64_t i = 0; i < items; ++i, from += channels, to += filled)
    pack_item<InPairs>(from, channels, filled, inverse, 0, to);
}

}  // namespace cleave::CLEAVE_ISA
