// Windows of ONNX's Conv and pools: their padding worked out, and convolutions as ours are: square, without dilation.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "graphs/onnx_graph.h"
#include "ops/core/params.h"

namespace cleave {

// One axis: cells of the image and of the window (dilation counted), its step, padding, and how many windows there are.
struct OnnxWindow {
  std::int64_t in = 0, size = 1, stride = 1, before = 0, after = 0, out = 0;
};

// The windows along rows and columns of `image` [C, H, W]. `kernel` is [rows, columns]; `pad` (above, left, below,
// right; may be empty) is put around the image before. Throws OpError for attributes that no image has.
std::array<OnnxWindow, 2> onnx_windows(const OnnxNode& node, const std::vector<std::int64_t>& kernel,
                                       const std::vector<std::int64_t>& pad, const Shape& image);

// A convolution with a square kernel: the original one with zeros around and between its weights.
struct SquareConv {
  Params params;              // filters, kernel, stride, padding, groups
  std::vector<float> kernel;  // [filters, in/groups, side, side]
};
SquareConv square_conv(const OnnxNode& node, const OnnxTensor& kernel, const std::vector<std::int64_t>& pad,
                       const Shape& image);

}  // namespace cleave
