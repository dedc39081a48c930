#include "ops/core/op.h"

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

Cost& Cost::operator+=(const Cost& other) {
  mult_adds += other.mult_adds;
  binary_ops += other.binary_ops;
  bytes += other.bytes;
  return *this;
}

}  // namespace cleave
