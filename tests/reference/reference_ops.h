// FOR TESTS ONLY, NEVER SHIPPED: a slow and obvious twin of every op, to compare the real ones with. Images are
// [batch, C, H, W] in double, every sum is a plain nested loop, output shapes are worked out anew; nothing is shared
// with ops/defs on purpose.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/core/op.h"
#include "ops/core/params.h"
#include "ops/core/tensor.h"

namespace cleave {

// A batch in the order batch, channel, row, column; vectors are [batch, N].
struct NchwTensor {
  std::int64_t batch = 0;
  Shape shape;  // of one sample: [N] or [C, H, W]
  std::vector<double> data;

  NchwTensor() = default;
  NchwTensor(std::int64_t batch_size, Shape sample_shape);  // zeros

  // The value at image n, channel c, row y, column x; vectors have y = x = 0.
  double& at(std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x);
  double at(std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) const;
  std::int64_t channels() const { return shape[0]; }
  std::int64_t height() const { return is_image(shape) ? shape[1] : 1; }
  std::int64_t width() const { return is_image(shape) ? shape[2] : 1; }
};

// Returns the batch in the other order.
NchwTensor to_nchw(const ConstTensorView& tensor);
Tensor to_nhwc(const NchwTensor& tensor);

// Returns what `op` makes of the inputs; `weights` are the layer's arrays in the order of the op's slots. Throws
// std::invalid_argument for an op that has no twin here.
NchwTensor reference_forward(const OpDef& op, const Params& params, const std::vector<NchwTensor>& inputs,
                             const LayerWeights& weights);

}  // namespace cleave
