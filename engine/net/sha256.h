// SHA-256: what both ends of a bridge hold against each other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace cleave {

std::array<std::uint8_t, 32> sha256(std::span<const std::byte> bytes);
// As 64 hexadecimal digits.
std::string hex_of(const std::array<std::uint8_t, 32>& hash);

}  // namespace cleave
