// MaxPool, AveragePool, their global twins, and ReduceMean over the image.
#include <algorithm>

#include <fmt/format.h>

#include "graphs/onnx_conv.h"
#include "graphs/onnx_work.h"

namespace cleave {

namespace {

// Padding that no window needs is left out, so that the rest is as often as can be the same on all sides.
void set_padding(Params& params, const OnnxWindow& y, const OnnxWindow& x) {
  const auto fits = [&](const OnnxWindow& axis) {
    const std::int64_t room = axis.in + 2 * y.before - axis.size;
    return axis.before == y.before && room >= 0 && room / axis.stride + 1 == axis.out;
  };
  if (fits(y) && fits(x)) {
    if (y.before > 0) params.set("padding", y.before);
    return;
  }
  const auto margins = [](const OnnxWindow& axis) {
    const std::int64_t end = (axis.out - 1) * axis.stride + axis.size;
    return std::vector<std::int64_t>{axis.before, std::max<std::int64_t>(end - axis.in - axis.before, 0)};
  };
  params.set("padding_rows", margins(y));
  params.set("padding_columns", margins(x));
}

NodeId add_pool(OnnxWork& work, const char* op, NodeId image, OnnxWindow y, OnnxWindow x) {
  Params params;
  const bool whole = y.out == 1 && x.out == 1 && y.before == 0 && x.before == 0 && y.size >= y.in && x.size >= x.in;
  if (whole) {
    params.set("size", std::string("all"));
    return add_node(work, op, params, {image});
  }
  if (x.out == 1) x.stride = y.stride;
  else if (y.out == 1) y.stride = x.stride;
  if (y.size != x.size || y.stride != x.stride)
    throw OpError(fmt::format("has windows of {}x{} with the strides {} and {}; they must be square", y.size, x.size,
                              y.stride, x.stride));
  params.set("size", y.size);
  if (y.stride != y.size) params.set("stride", y.stride);
  set_padding(params, y, x);
  return add_node(work, op, params, {image});
}

}  // namespace

void convert_pool(OnnxWork& work, const OnnxNode& node) {
  const bool mean = node.op == "AveragePool";
  OnnxFlow flow = padded(work, flow_of(work, node, 0));
  NodeId image = plain_image(work, flow);
  if (integers_of(node, "dilations", {1, 1}) != std::vector<std::int64_t>{1, 1})
    throw OpError("has dilated windows, which are not taken");
  if (integer_of(node, "storage_order", 0) != 0 || (node.outputs.size() > 1 && !node.outputs[1].empty()))
    throw OpError("gives indices, which are not taken");
  const std::vector<std::int64_t> kernel = integers_of(node, "kernel_shape", {});
  if (kernel.size() != 2) throw OpError("has no kernel_shape of two sizes: only images are taken");
  auto [y, x] = onnx_windows(node, kernel, {}, shape_of(work, image));
  const std::vector<std::int64_t> pads = integers_of(node, "pads", {0, 0, 0, 0});
  if (mean && integer_of(node, "count_include_pad", 0) != 0 && y.before + y.after + x.before + x.after > 0) {
    if (integer_of(node, "ceil_mode", 0) != 0)
      throw OpError("counts its padding and has ceil_mode, which is not taken");
    flow = {.node = image, .shape = shape_of(work, image), .pad = {y.before, x.before, y.after, x.after}};
    flow.shape[1] += y.before + y.after;
    flow.shape[2] += x.before + x.after;
    image = plain(work, flow);
    for (OnnxWindow* axis : {&y, &x}) {
      axis->in += axis->before + axis->after;
      axis->before = axis->after = 0;
    }
  }
  set_flow(work, node, flow_from(work, add_pool(work, mean ? "mean_pool" : "max_pool", image, y, x)));
}

void convert_global_pool(OnnxWork& work, const OnnxNode& node) {
  Params params;
  params.set("size", std::string("all"));
  const NodeId image = plain_image(work, flow_of(work, node, 0));
  set_flow(work, node,
           flow_from(work, add_node(work, node.op == "GlobalMaxPool" ? "max_pool" : "mean_pool", params, {image})));
}

void convert_reduce_mean(OnnxWork& work, const OnnxNode& node) {
  const NodeId image = plain_image(work, flow_of(work, node, 0));
  std::vector<std::int64_t> axes =
      has_input(node, 1) ? constant_integers(work, node, 1) : integers_of(node, "axes", {});
  for (std::int64_t& axis : axes) axis += axis < 0 ? 4 : 0;
  std::sort(axes.begin(), axes.end());
  if (axes != std::vector<std::int64_t>{2, 3}) throw OpError("takes the mean of other axes than rows and columns");
  Params params;
  params.set("size", std::string("all"));
  const OnnxFlow flow = flow_from(work, add_node(work, "mean_pool", params, {image}));
  const bool keep = integer_of(node, "keepdims", 1) != 0;
  set_flow(work, node, keep ? flow : reshaped(work, flow, {flow.shape.front()}));
}

}  // namespace cleave
