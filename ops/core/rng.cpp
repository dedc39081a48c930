#include "ops/core/rng.h"

#include <cassert>
#include <cmath>
#include <numbers>

#include <Random123/philox.h>

namespace cleave {

Rng::Rng(std::uint64_t seed, std::uint32_t stream, std::uint64_t step)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      counter_{0, stream, static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(step >> 32)} {}

std::uint32_t Rng::bits() {
  if (used_ == 4) {
    const r123::Philox4x32::ctr_type counter = {{counter_[0], counter_[1], counter_[2], counter_[3]}};
    const r123::Philox4x32::key_type key = {{key_[0], key_[1]}};
    const auto block = r123::Philox4x32()(counter, key);
    for (std::size_t i = 0; i < 4; ++i) block_[i] = block[i];
    ++counter_[0];
    used_ = 0;
  }
  return block_[static_cast<std::size_t>(used_++)];
}

double Rng::uniform() {
  const std::uint64_t high = bits();
  const std::uint64_t low = bits();
  const std::uint64_t mantissa = ((high << 32) | low) >> 12;  // 52 bits
  return (static_cast<double>(mantissa) + 0.5) * 0x1p-52;
}

std::int64_t Rng::below(std::int64_t n) {
  assert(n >= 1);
  const auto range = static_cast<std::uint64_t>(n);
  // Rejecting the few lowest numbers leaves a count divisible by n (2^64 mod n numbers are dropped).
  const std::uint64_t lowest = (0 - range) % range;
  while (true) {
    const std::uint64_t high = bits();
    const std::uint64_t number = (high << 32) | bits();
    if (number >= lowest) return static_cast<std::int64_t>(number % range);
  }
}

double Rng::normal() {
  const double radius = std::sqrt(-2.0 * std::log(uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace cleave
