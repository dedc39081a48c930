// The halo of an output, see BasicView::halo.
#pragma once

#include <algorithm>

#include "ops/core/tensor.h"

namespace cleave {

// Writes the zeros around sample `i`.
inline void clear_halo(const TensorView& view, std::int64_t i) {
  if (view.halo == 0) return;
  const std::int64_t row = view.row_stride();
  const std::int64_t side = view.halo * channels_of(*view.shape);
  float* to = std::fill_n(view.sample(i), view.halo * row + side, 0.0F);
  for (std::int64_t y = 1; y < view.row_count(); ++y) to = std::fill_n(to + row - 2 * side, 2 * side, 0.0F);
  std::fill_n(to + row - 2 * side, view.halo * row + side, 0.0F);
}

}  // namespace cleave
