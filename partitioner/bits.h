// Sets of small numbers as bits in 64-bit words.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace cleave {

using Bits = std::vector<std::uint64_t>;

inline std::size_t words_for(int count) { return (static_cast<std::size_t>(count) + 63) / 64; }

inline bool has_bit(const std::uint64_t* bits, int i) { return (bits[i / 64] >> (i % 64) & 1U) != 0; }
inline void set_bit(std::uint64_t* bits, int i) { bits[i / 64] |= std::uint64_t{1} << (i % 64); }
inline void clear_bit(std::uint64_t* bits, int i) { bits[i / 64] &= ~(std::uint64_t{1} << (i % 64)); }

// The words' bits from `first` to 63, and from 0 to `last`.
inline std::uint64_t bits_from(int first) { return ~std::uint64_t{0} << first; }
inline std::uint64_t bits_up_to(int last) { return ~std::uint64_t{0} >> (63 - last); }

// Adds first … last; nothing when first > last.
inline void set_bits(std::uint64_t* bits, int first, int last) {
  if (first > last) return;
  if (first / 64 == last / 64) {
    bits[first / 64] |= bits_from(first % 64) & bits_up_to(last % 64);
    return;
  }
  bits[first / 64] |= bits_from(first % 64);
  for (int w = first / 64 + 1; w < last / 64; ++w) bits[w] = ~std::uint64_t{0};
  bits[last / 64] |= bits_up_to(last % 64);
}

// The least member ≥ from, the greatest ≤ up_to; -1 = none.
inline int next_bit(const std::uint64_t* bits, int words, int from) {
  for (int w = from / 64; w < words; ++w) {
    const std::uint64_t word = w == from / 64 ? bits[w] & bits_from(from % 64) : bits[w];
    if (word != 0) return 64 * w + std::countr_zero(word);
  }
  return -1;
}
inline int previous_bit(const std::uint64_t* bits, int up_to) {
  for (int w = up_to / 64; up_to >= 0 && w >= 0; --w) {
    const std::uint64_t word = w == up_to / 64 ? bits[w] & bits_up_to(up_to % 64) : bits[w];
    if (word != 0) return 64 * w + 63 - std::countl_zero(word);
  }
  return -1;
}

}  // namespace cleave
