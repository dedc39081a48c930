// Between the memory order of images (row, column, channel) and the order in which the language counts their values and
// their axes (channel, row, column). For vectors both are the same.
#pragma once

#include <cassert>
#include <cstdint>
#include <numeric>

#include "ops/core/part.h"
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

// Returns the channels `computed` of an image (or vector) of `to_pixels` a channel that hold `wanted`, begin and end
// with a channel of the same values counted in channels of `from_pixels`, and which of these they are.
struct Recounted {
  Range computed, input;
};
inline Recounted recount(std::int64_t from_pixels, std::int64_t to_pixels, Range wanted) {
  assert(from_pixels > 0 && to_pixels > 0);
  const std::int64_t step = std::lcm(from_pixels, to_pixels);
  const Range values{wanted.from * to_pixels / step * step, (wanted.to * to_pixels + step - 1) / step * step};
  return {{values.from / to_pixels, values.to / to_pixels}, {values.from / from_pixels, values.to / from_pixels}};
}

}  // namespace cleave
