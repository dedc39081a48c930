// Batches with a halo, for tests of what reads and writes them.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "ops/core/tensor.h"

namespace cleave {

// Owns exactly the floats of a batch with a halo.
struct Haloed {
  std::int64_t batch;
  Shape shape;
  std::int64_t halo;
  std::vector<float> data;

  // All NaN.
  Haloed(std::int64_t batch_size, Shape sample_shape, std::int64_t width)
      : batch(batch_size), shape(std::move(sample_shape)), halo(width) {
    data.assign(static_cast<std::size_t>(batch * view().sample_stride()), std::numeric_limits<float>::quiet_NaN());
  }
  // A copy with zeros around it.
  Haloed(const Tensor& from, std::int64_t width) : Haloed(from.batch, from.shape, width) {
    std::fill(data.begin(), data.end(), 0.0F);
    copy_rows(from.view(), view());
  }

  TensorView view() { return {batch, &shape, data.data(), halo}; }
  // The values without the halo.
  Tensor real() {
    Tensor to(batch, shape);
    copy_rows(as_const(view()), to.view());
    return to;
  }
  // Whether all that is not a real value is zero.
  bool is_clean() {
    const Haloed filled(real(), halo);
    return std::equal(data.begin(), data.end(), filled.data.begin(), [](float a, float b) {
      return a == b || (a != a && b != b);  // a NaN among the real values is none of the halo's
    });
  }

 private:
  static void copy_rows(const ConstTensorView& from, const TensorView& to) {
    const std::int64_t row = is_image(*from.shape) ? from.shape->back() * from.shape->front() : from.sample_size();
    for (std::int64_t i = 0; i < from.batch; ++i)
      for (std::int64_t y = 0; y < from.row_count(); ++y) std::copy_n(from.row(i, y), row, to.row(i, y));
  }
};

}  // namespace cleave
