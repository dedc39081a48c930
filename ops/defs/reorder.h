// Between the memory order of images (row, column, channel) and the order in which the language counts their values and
// their axes (channel, row, column). For vectors both are the same.
#pragma once

#include <cstdint>

#include "ops/core/tensor.h"

namespace cleave {

// Returns where in memory the language's value `i` of a sample stands.
inline std::int64_t memory_index(const Shape& shape, std::int64_t i) {
  const std::int64_t pixels = pixels_of(shape);
  return i % pixels * channels_of(shape) + i / pixels;
}

// One axis of a sample as memory sees it: [outer][size][inner].
struct MemoryAxis {
  std::int64_t outer = 1, size = 1, inner = 1;
};

// `axis` counts as in `shape`: 0 for vectors; 0, 1, 2 = channels, rows, columns for images.
inline MemoryAxis memory_axis(const Shape& shape, std::int64_t axis) {
  if (!is_image(shape)) return {1, shape[0], 1};
  if (axis == 0) return {shape[1] * shape[2], shape[0], 1};
  if (axis == 1) return {1, shape[1], shape[2] * shape[0]};
  return {shape[1], shape[2], shape[0]};
}

}  // namespace cleave
