#include "ops/core/half.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <Eigen/Core>

namespace cleave {

void round_to_f16(std::span<float> values) {
  constexpr float kLargest = 65504;
  for (float& value : values)
    value = static_cast<float>(static_cast<Eigen::half>(std::clamp(value, -kLargest, kLargest)));
}

// 1 sign, 5 exponent, 10 fraction bits.
float half_to_float(std::uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  double size = 0;
  if (exponent == 0) size = std::ldexp(fraction, -24);
  else if (exponent < 31) size = std::ldexp(1024 + fraction, exponent - 25);
  else size = fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  return static_cast<float>((half & 0x8000) != 0 ? -size : size);
}

}  // namespace cleave
