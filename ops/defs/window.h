// Sliding windows along one axis of an image: how many there are and which of their cells lie inside the image.
#pragma once

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "ops/core/op.h"

namespace cleave {

struct WindowAxis {
  std::int64_t in = 0, out = 0;
  std::int64_t size = 1, stride = 1;
  std::int64_t before = 0;  // padding cells in front of the first real one

  // Where output `i`'s window starts; negative inside the padding.
  std::int64_t start(std::int64_t i) const { return i * stride - before; }
  // The window's cells [first, last) that are real; empty when all of them are padding.
  std::int64_t first(std::int64_t i) const { return std::clamp<std::int64_t>(-start(i), 0, size); }
  std::int64_t last(std::int64_t i) const { return std::clamp<std::int64_t>(in - start(i), first(i), size); }
};

// Returns the windows over `in` cells with `padding` more on both sides. Throws OpError when not one fits; `what` names
// the window.
inline WindowAxis padded_axis(const char* what, std::int64_t in, std::int64_t size, std::int64_t stride,
                              std::int64_t padding) {
  const std::int64_t padded = in + 2 * padding;
  if (size > padded)
    throw OpError(fmt::format("{} of {} is larger than its input of {}{}: make it smaller or pad more", what, size, in,
                              padding == 0 ? "" : fmt::format(" + 2·{} padding", padding)));
  return {in, (padded - size) / stride + 1, size, stride, padding};
}

// Returns ceil(in / stride) windows, the padding split evenly with the odd cell at the end (TensorFlow's "SAME").
inline WindowAxis same_axis(std::int64_t in, std::int64_t size, std::int64_t stride) {
  const std::int64_t out = (in + stride - 1) / stride;
  const std::int64_t padding = std::max<std::int64_t>((out - 1) * stride + size - in, 0);
  return {in, out, size, stride, padding / 2};
}

}  // namespace cleave
