// Our convolutions have square kernels, one stride, and columns of zeros that are as many left as right. Any other
// kernel becomes such a one when it is set into a larger square of zeros: a kernel of 1x7 into one of 7x7, a dilated
// one with zeros between its weights, and columns missing on the right are added on the left together with as many
// columns of zeros in the kernel. The function is the same; the price is products with zeros.
#include "graphs/onnx_conv.h"

#include <algorithm>

#include <fmt/format.h>

#include "graphs/onnx_work.h"
#include "ops/core/file.h"
#include "ops/defs/window.h"

namespace cleave {

namespace {

constexpr std::int64_t kMostCells = 255;  // of a kernel's side, stride or padding, as conv2d has it

std::vector<std::int64_t> two_of(const OnnxNode& node, const char* name, std::int64_t most) {
  std::vector<std::int64_t> two = integers_of(node, name, {1, 1});
  if (two.size() != 2 || std::min(two[0], two[1]) < 1 || std::max(two[0], two[1]) > most)
    throw OpError(fmt::format("has {} that are not two numbers from 1 to {}: only images are taken", name, most));
  return two;
}

std::vector<std::int64_t> explicit_pads(const OnnxNode& node) {
  std::vector<std::int64_t> pads = integers_of(node, "pads", {0, 0, 0, 0});
  if (pads.size() != 4 || *std::min_element(pads.begin(), pads.end()) < 0 ||
      *std::max_element(pads.begin(), pads.end()) > kMostCells)
    throw OpError(fmt::format("has pads that are not four numbers from 0 to {}", kMostCells));
  return pads;
}

// ceil(in / stride) windows, the odd cell of padding behind (SAME_UPPER) or in front (SAME_LOWER).
void pad_same(OnnxWindow& axis, bool upper) {
  axis.out = (axis.in + axis.stride - 1) / axis.stride;
  const std::int64_t padding = std::max<std::int64_t>((axis.out - 1) * axis.stride + axis.size - axis.in, 0);
  axis.before = upper ? padding / 2 : padding - padding / 2;
  axis.after = padding - axis.before;
}

void count_windows(OnnxWindow& axis, bool ceil) {
  const std::int64_t room = axis.in + axis.before + axis.after - axis.size;
  if (room < 0)
    throw OpError(fmt::format("its window of {} is larger than its input of {} + {} + {} padding", axis.size, axis.in,
                              axis.before, axis.after));
  axis.out = room / axis.stride + 1;
  if (!ceil || room % axis.stride == 0) return;
  if (axis.out * axis.stride < axis.in + axis.before) ++axis.out;  // it must begin inside the image or before it
  axis.after = (axis.out - 1) * axis.stride + axis.size - axis.in - axis.before;
}

// Where a kernel of two sizes stands in a square, and the padding that goes with it.
struct Square {
  std::int64_t side = 0, left = 0, padding = 0;
};

// The smallest square for which as much padding on both sides gives the windows wanted.
Square square_for(const OnnxWindow& y, const OnnxWindow& x) {
  for (std::int64_t side = std::max(y.size, x.size); side <= kMostCells; ++side)
    for (std::int64_t left = 0; left + x.size <= side; ++left) {
      const std::int64_t padding = x.before + left;
      const std::int64_t room = x.in + 2 * padding - side;
      if (room >= 0 && room / x.stride + 1 == x.out) return {side, left, padding};
    }
  throw OpError("has windows that no square kernel gives");
}

bool is_same(const OnnxWindow& axis) {
  const WindowAxis same = same_axis(axis.in, axis.size, axis.stride);
  return same.out == axis.out && same.before == axis.before;
}

void set_padding(Params& params, const OnnxWindow& y, const OnnxWindow& x, const Square& square) {
  const bool none = y.before + y.after + x.before + x.after == 0;
  if (square.side == y.size && square.side == x.size && !none && is_same(y) && is_same(x)) {
    params.set("padding", std::string("same"));
    return;
  }
  if (square.padding > 0) params.set("padding", square.padding);
  const std::int64_t room = y.in + 2 * square.padding - square.side;
  if (y.before == square.padding && room >= 0 && room / y.stride + 1 == y.out) return;
  params.set("padding_rows", std::vector<std::int64_t>{y.before, y.after + square.side - y.size});
}

std::vector<float> embedded(const OnnxTensor& kernel, const std::vector<std::int64_t>& dilations,
                            const Square& square) {
  const std::int64_t rows = kernel.shape[2];
  const std::int64_t columns = kernel.shape[3];
  if (rows == square.side && columns == square.side) return kernel.reals;
  constexpr std::int64_t kMostWeights = std::int64_t{1} << 27;
  const std::int64_t planes = kernel.shape[0] * kernel.shape[1];
  if (planes > kMostWeights / (square.side * square.side))
    throw OpError(fmt::format("needs a kernel of {0}x{0}, which has too many weights", square.side));
  std::vector<float> all(static_cast<std::size_t>(planes * square.side * square.side));
  const float* from = kernel.reals.data();
  for (std::int64_t p = 0; p < planes; ++p)
    for (std::int64_t y = 0; y < rows; ++y)
      for (std::int64_t x = 0; x < columns; ++x) {
        const std::int64_t row = p * square.side + y * dilations[0];
        all[static_cast<std::size_t>(row * square.side + square.left + x * dilations[1])] = *from++;
      }
  return all;
}

}  // namespace

std::array<OnnxWindow, 2> onnx_windows(const OnnxNode& node, const std::vector<std::int64_t>& kernel,
                                       const std::vector<std::int64_t>& pad, const Shape& image) {
  const std::vector<std::int64_t> strides = two_of(node, "strides", kMostCells);
  const std::vector<std::int64_t> dilations = two_of(node, "dilations", kMostCells);
  const std::vector<std::int64_t> pads = explicit_pads(node);
  const std::string rule = text_of(node, "auto_pad", "NOTSET");
  const bool same = rule == "SAME_UPPER" || rule == "SAME_LOWER";
  if (!same && rule != "NOTSET" && rule != "VALID")
    throw OpError(fmt::format("has the auto_pad '{}'", printable(rule)));
  std::array<OnnxWindow, 2> axes;
  for (std::size_t i = 0; i < 2; ++i) {
    OnnxWindow& axis = axes[i];
    if (kernel[i] < 1 || kernel[i] > kMostCells) throw OpError(fmt::format("has a window of {}", kernel[i]));
    axis = {.in = image[i + 1], .size = (kernel[i] - 1) * dilations[i] + 1, .stride = strides[i]};
    if (!pad.empty()) axis.in += pad[i] + pad[i + 2];
    if (same) pad_same(axis, rule == "SAME_UPPER");
    else if (rule == "NOTSET") axis.before = pads[i], axis.after = pads[i + 2];
    if (!same) count_windows(axis, integer_of(node, "ceil_mode", 0) != 0);
    if (pad.empty()) continue;
    axis.in = image[i + 1];
    axis.before += pad[i];
    axis.after += pad[i + 2];
  }
  return axes;
}

SquareConv square_conv(const OnnxNode& node, const OnnxTensor& kernel, const std::vector<std::int64_t>& pad,
                       const Shape& image) {
  const std::vector<std::int64_t> sizes(kernel.shape.begin() + 2, kernel.shape.end());
  if (integers_of(node, "kernel_shape", sizes) != sizes) throw OpError("has a kernel_shape other than its weights'");
  auto [y, x] = onnx_windows(node, sizes, pad, image);
  if (y.stride != x.stride) {
    if (x.out == 1) x.stride = y.stride;
    else if (y.out == 1) y.stride = x.stride;
    else throw OpError(fmt::format("has the strides {} and {}; they must be the same", y.stride, x.stride));
  }
  const Square square = square_for(y, x);
  SquareConv conv;
  conv.params.set("filters", kernel.shape[0]);
  conv.params.set("kernel", square.side);
  if (y.stride != 1) conv.params.set("stride", y.stride);
  set_padding(conv.params, y, x, square);
  if (const std::int64_t groups = integer_of(node, "group", 1); groups != 1) conv.params.set("groups", groups);
  conv.kernel = embedded(kernel, two_of(node, "dilations", kMostCells), square);
  return conv;
}

}  // namespace cleave
