// Numbers in files: little-endian, at any alignment, on any machine.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace cleave {

// Returns the little-endian number of sizeof(T) bytes at `at`.
template <std::unsigned_integral T>
T load_little_endian(const std::uint8_t* at) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) number |= std::uint64_t{at[i]} << (8 * i);
  return static_cast<T>(number);
}

// Writes it.
template <std::unsigned_integral T>
void store_little_endian(T number, std::uint8_t* at) {
  for (std::size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<std::uint8_t>(std::uint64_t{number} >> (8 * i));
}

}  // namespace cleave
