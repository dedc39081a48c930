#include "ops/core/half.h"

#include <algorithm>

#include <Eigen/Core>

namespace cleave {

void round_to_f16(std::span<float> values) {
  constexpr float kLargest = 65504;
  for (float& value : values)
    value = static_cast<float>(static_cast<Eigen::half>(std::clamp(value, -kLargest, kLargest)));
}

}  // namespace cleave
