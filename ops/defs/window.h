// Sliding windows along one axis of an image: how many there are and which of their cells lie inside the image.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

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

// Padding in front of and behind the real cells.
struct Margins {
  std::int64_t before = 0, after = 0;
};

// Returns the windows over `in` cells and the padding. Throws OpError when not one fits; `what` names the window.
inline WindowAxis padded_axis(const char* what, std::int64_t in, std::int64_t size, std::int64_t stride,
                              Margins padding) {
  const auto [before, after] = padding;
  const std::int64_t padded = in + before + after;
  if (size > padded)
    throw OpError(fmt::format("{} of {} is larger than its input of {}{}: make it smaller or pad more", what, size, in,
                              padded == in      ? ""
                              : before == after ? fmt::format(" + 2·{} padding", before)
                                                : fmt::format(" + {} + {} padding", before, after)));
  return {in, (padded - size) / stride + 1, size, stride, before};
}

// Returns the parameter `name`, two numbers of rows above and below (or what `sides` says); `otherwise` on both sides
// if it is not given. Throws OpError when it is not two numbers from 0 to `most`.
inline Margins row_margins(const Params& params, const char* name, std::int64_t otherwise, std::int64_t most,
                           const char* sides = "above and below") {
  if (!params.has(name)) return {otherwise, otherwise};
  const std::vector<std::int64_t> rows = params.integers(name);
  if (rows.size() != 2 || std::min(rows[0], rows[1]) < 0 || std::max(rows[0], rows[1]) > most)
    throw OpError(
        fmt::format("{} needs two numbers from 0 to {}, {}, got {}", name, most, sides, to_text(*params.get(name))));
  return {rows[0], rows[1]};
}
// The same of columns left and right.
inline Margins column_margins(const Params& params, const char* name, std::int64_t otherwise, std::int64_t most) {
  return row_margins(params, name, otherwise, most, "left and right");
}

// Returns ceil(in / stride) windows, the padding split evenly with the odd cell at the end (TensorFlow's "SAME").
inline WindowAxis same_axis(std::int64_t in, std::int64_t size, std::int64_t stride) {
  const std::int64_t out = (in + stride - 1) / stride;
  const std::int64_t padding = std::max<std::int64_t>((out - 1) * stride + size - in, 0);
  return {in, out, size, stride, padding / 2};
}

// What the windows `computed` read of the input, and how much of the padding is theirs.
struct WindowPart {
  Range computed, input;
  Margins padding;
};

// Returns that for the windows `wanted`, or for more where those lie in the padding alone.
inline WindowPart part_of(const WindowAxis& axis, Range wanted) {
  while (wanted.size() < axis.out) {
    const Range reach{axis.start(wanted.from), axis.start(wanted.to - 1) + axis.size};
    const Range input{std::max<std::int64_t>(reach.from, 0), std::min(reach.to, axis.in)};
    if (!input.empty()) return {wanted, input, {input.from - reach.from, reach.to - input.to}};
    const bool above = reach.to <= 0 && wanted.to < axis.out;
    if (above || wanted.from == 0) ++wanted.to;
    else --wanted.from;
  }
  const std::int64_t end = axis.start(axis.out - 1) + axis.size;
  return {wanted, {0, axis.in}, {axis.before, std::max<std::int64_t>(end - axis.in, 0)}};
}

}  // namespace cleave
