// OpPart: how an op computes a part of its output. Horizontal splits are made of such parts (partitioner/split.h).
#pragma once

#include <cstdint>
#include <vector>

#include "ops/core/params.h"
#include "ops/core/tensor.h"

namespace cleave {

// The indices from <= i < to along one axis of a tensor.
struct Range {
  std::int64_t from = 0, to = 0;

  std::int64_t size() const { return to - from; }
  bool empty() const { return from >= to; }
  bool operator==(const Range&) const = default;
};

// Along which a tensor is parted; numbered as the language numbers axes. A vector has channels (its units) only.
enum class PartAxis : std::uint8_t { channels = 0, rows = 1 };

struct OpPart {
  Params params;              // of the node that computes the part
  Range computed;             // of the output: what was wanted, or more where that cannot be had alone
  std::vector<Range> inputs;  // by input: what is read of it; empty = nothing, the input is left out
};

// Returns the size along the axis; 1 for the rows of a vector.
inline std::int64_t size_along(const Shape& shape, PartAxis axis) {
  const auto at = static_cast<std::size_t>(axis);
  return at < shape.size() ? shape[at] : 1;
}

}  // namespace cleave
