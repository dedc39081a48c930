#include "ops/core/op.h"

#include <limits>

#include <fmt/format.h>

namespace cleave {

std::string to_text(const WeightType& type) {
  const auto grid = [&]() -> std::string {
    switch (type.grid) {
      case WeightType::Grid::real: return "real";
      case WeightType::Grid::sign: return "binary ±1";
      case WeightType::Grid::bit: return "binary 0/1";
      case WeightType::Grid::ternary: return "ternary";
      case WeightType::Grid::quantized: return fmt::format("{} bits", type.bits);
    }
    return "?";
  }();
  return type.scale_per_filter ? grid + " scaled" : grid;
}

namespace {

// Thousands of layers of the largest size are more than 64 bits count.
std::int64_t bounded_sum(std::int64_t a, std::int64_t b) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  return a > kMost - b ? kMost : a + b;
}

}  // namespace

Cost& Cost::operator+=(const Cost& other) {
  mult_adds = bounded_sum(mult_adds, other.mult_adds);
  binary_ops = bounded_sum(binary_ops, other.binary_ops);
  bytes = bounded_sum(bytes, other.bytes);
  return *this;
}

}  // namespace cleave
