// Between the memory order of images (row, column, channel) and the order in which the language counts their values
// (channel, row, column). For vectors both are plain copies.
#pragma once

#include <cstdint>

#include "ops/core/tensor.h"

namespace cleave {

// Copies one sample of `shape` from memory order into the language's order.
inline void to_channel_order(const Shape& shape, const float* from, float* to) {
  const std::int64_t channels = channels_of(shape);
  const std::int64_t pixels = pixels_of(shape);
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t p = 0; p < pixels; ++p) to[c * pixels + p] = from[p * channels + c];
}

// The reverse.
inline void from_channel_order(const Shape& shape, const float* from, float* to) {
  const std::int64_t channels = channels_of(shape);
  const std::int64_t pixels = pixels_of(shape);
  for (std::int64_t p = 0; p < pixels; ++p)
    for (std::int64_t c = 0; c < channels; ++c) to[p * channels + c] = from[c * pixels + p];
}

}  // namespace cleave
