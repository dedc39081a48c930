// Reshape and its kin, Transpose, Pad, Slice, Concat. The first two make no node by themselves, see OnnxFlow.
#include <algorithm>
#include <limits>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graphs/onnx_work.h"

namespace cleave {

namespace {

// Returns an axis of the batch's shape as one of a sample: -1 for the batch itself.
std::int64_t sample_axis(std::int64_t axis, const Shape& shape) {
  const auto rank = static_cast<std::int64_t>(shape.size()) + 1;
  if (axis < -rank || axis >= rank) throw OpError(fmt::format("has the axis {} of {} sizes", axis, rank));
  return (axis < 0 ? axis + rank : axis) - 1;
}

std::vector<std::int64_t> axes_of(const OnnxWork& work, const OnnxNode& node) {
  return has_input(node, 1) ? constant_integers(work, node, 1) : integers_of(node, "axes", {});
}

// Cuts the image or vector along one axis; `from` and `to` as ONNX has them.
NodeId cut(OnnxWork& work, NodeId input, std::int64_t axis, std::int64_t from, std::int64_t to) {
  const std::int64_t size = shape_of(work, input)[static_cast<std::size_t>(axis)];
  const auto place = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size); };
  from = place(std::max(from, -size));
  to = place(std::max(to, -size));
  if (from == 0 && to == size) return input;
  Params params;
  params.set("axis", axis);
  params.set("from", from);
  params.set("to", to);
  return add_node(work, "slice", params, {input});
}

// Every `every[1]`th row and column of an image: a pool of one cell.
NodeId thin_out(OnnxWork& work, NodeId image, const Shape& every) {
  if (std::all_of(every.begin(), every.end(), [](std::int64_t step) { return step == 1; })) return image;
  if (every.size() != 3 || every[0] != 1 || every[1] != every[2] || every[1] < 1)
    throw OpError(fmt::format("takes every {}th index of its axes; the same step in rows and columns is taken only",
                              fmt::join(every, "th, ")));
  Params params;
  params.set("size", std::int64_t{1});
  params.set("stride", every[1]);
  return add_node(work, "max_pool", params, {image});
}

// Channels of zeros before and behind those of an image: a convolution of one cell that hands channels on.
NodeId pad_channels(OnnxWork& work, NodeId image, std::int64_t before, std::int64_t behind) {
  const std::int64_t channels = shape_of(work, image)[0];
  const std::int64_t filters = before + channels + behind;
  if (filters > 10'000) throw OpError("pads to more than 10000 channels");
  count_made(work, static_cast<std::size_t>(filters * channels));
  std::vector<float> kernel(static_cast<std::size_t>(filters * channels));
  for (std::int64_t c = 0; c < channels; ++c) kernel[static_cast<std::size_t>((before + c) * channels + c)] = 1;
  Params params;
  params.set("filters", filters);
  params.set("kernel", std::int64_t{1});
  params.set("bias", false);
  return add_node(work, "conv2d", params, {image}, "", {std::move(kernel)});
}

}  // namespace

void convert_reshape(OnnxWork& work, const OnnxNode& node) {
  const OnnxFlow flow = padded(work, flow_of(work, node, 0));
  std::vector<std::int64_t> sizes = constant_integers(work, node, 1);
  Shape whole{work.batch};
  whole.insert(whole.end(), flow.shape.begin(), flow.shape.end());
  const bool zeros = integer_of(node, "allowzero", 0) == 0;
  std::int64_t known = 1;
  std::int64_t open = -1;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0 && zeros && i < whole.size()) sizes[i] = whole[i];
    if (sizes[i] == -1 && open < 0) open = static_cast<std::int64_t>(i);
    else if (sizes[i] < 1 || known > std::numeric_limits<std::int64_t>::max() / sizes[i])
      throw OpError(fmt::format("makes a shape of the size {}", sizes[i]));
    else known *= sizes[i];
  }
  const std::int64_t count = element_count(whole);
  if (open >= 0) sizes[static_cast<std::size_t>(open)] = count / known;
  if (sizes.size() < 2 || sizes[0] != work.batch)
    throw OpError(fmt::format("makes [{}] of {}: it must leave the batch, the first size, as it is",
                              fmt::join(sizes, ", "), onnx_shape_text(flow.shape)));
  set_flow(work, node, reshaped(work, flow, Shape(sizes.begin() + 1, sizes.end())));
}

void convert_flatten(OnnxWork& work, const OnnxNode& node) {
  const OnnxFlow flow = padded(work, flow_of(work, node, 0));
  if (sample_axis(integer_of(node, "axis", 1), flow.shape) != 0) throw OpError("flattens from another axis than 1");
  set_flow(work, node, reshaped(work, flow, {element_count(flow.shape)}));
}

void convert_squeeze(OnnxWork& work, const OnnxNode& node) {
  const OnnxFlow flow = padded(work, flow_of(work, node, 0));
  std::vector<std::int64_t> axes = axes_of(work, node);
  if (axes.size() > 8) throw OpError("names more than 8 axes");
  Shape shape = flow.shape;
  if (node.op == "Unsqueeze") shape.resize(shape.size() + axes.size(), 1);
  for (std::int64_t& axis : axes) axis = sample_axis(axis, shape);
  std::sort(axes.begin(), axes.end());
  if (axes.empty() || axes.front() < 0) throw OpError("names no axes, or the batch");
  shape = flow.shape;
  if (node.op == "Unsqueeze") {
    for (const std::int64_t axis : axes) shape.insert(shape.begin() + axis, 1);
  } else {
    for (std::size_t i = axes.size(); i-- > 0;) {
      if (shape.at(static_cast<std::size_t>(axes[i])) != 1) throw OpError("squeezes a size other than 1");
      shape.erase(shape.begin() + axes[i]);
    }
  }
  if (shape.empty()) throw OpError("leaves no size but the batch");
  set_flow(work, node, reshaped(work, flow, shape));
}

void convert_transpose(OnnxWork& work, const OnnxNode& node) {
  OnnxFlow flow = padded(work, flow_of(work, node, 0));
  const std::size_t rank = flow.shape.size();
  std::vector<std::int64_t> order(rank + 1);
  std::iota(order.rbegin(), order.rend(), 0);
  order = integers_of(node, "perm", order);
  if (order.size() != rank + 1 || order.front() != 0) throw OpError("moves the batch, which is not taken");
  std::vector<std::int64_t> moved;  // axes of more than one cell, in their new order
  OnnxFlow other = flow;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t from = order[i + 1] - 1;
    if (from < 0 || from >= static_cast<std::int64_t>(rank)) throw OpError("has a perm that is none");
    other.shape[i] = flow.shape[static_cast<std::size_t>(from)];
    if (other.shape[i] > 1) moved.push_back(from);
  }
  if (std::is_sorted(moved.begin(), moved.end()) && flow.axes.empty()) {  // nothing changes place
    set_flow(work, node, other);
    return;
  }
  if (flow.axes.empty()) {
    flow.node = plain(work, flow);
    other.node = flow.node;
    flow.axes.resize(rank);
    std::iota(flow.axes.begin(), flow.axes.end(), 0);
  }
  other.axes.clear();
  for (std::size_t i = 0; i < rank; ++i) other.axes.push_back(flow.axes.at(static_cast<std::size_t>(order[i + 1] - 1)));
  if (std::is_sorted(other.axes.begin(), other.axes.end())) other.axes.clear();
  set_flow(work, node, other);
}

void convert_pad(OnnxWork& work, const OnnxNode& node) {
  const OnnxFlow flow = padded(work, flow_of(work, node, 0));
  plain_image(work, flow);
  if (const std::string mode = text_of(node, "mode", "constant"); mode != "constant")
    throw OpError(fmt::format("pads by the mode '{}'; zeros are taken only", mode));
  const double value = !has_input(node, 2) ? real_of(node, "value", 0)
                       : constant_reals(work, node, 2).reals.size() != 1
                           ? 1
                           : static_cast<double>(constant_reals(work, node, 2).reals[0]);
  if (value != 0) throw OpError(fmt::format("pads with {}; zeros are taken only", value));
  if (has_input(node, 3)) throw OpError("names the axes that it pads, which is not taken");
  const std::vector<std::int64_t> pads =
      has_input(node, 1) ? constant_integers(work, node, 1) : integers_of(node, "pads", {});
  constexpr std::int64_t kMostCells = 10'000;
  if (pads.size() == 8 && *std::max_element(pads.begin(), pads.end()) > kMostCells)
    throw OpError(fmt::format("pads by more than {} cells", kMostCells));
  if (pads.size() != 8 || pads[0] != 0 || pads[4] != 0 || *std::min_element(pads.begin(), pads.end()) < 0)
    throw OpError("pads the batch, or cuts something");
  OnnxFlow wider = flow;
  if (pads[1] + pads[5] > 0) wider = flow_from(work, pad_channels(work, plain_image(work, flow), pads[1], pads[5]));
  wider.pad = {pads[2], pads[3], pads[6], pads[7]};
  wider.shape[1] += pads[2] + pads[6];
  wider.shape[2] += pads[3] + pads[7];
  if (pads[2] + pads[3] + pads[6] + pads[7] == 0) wider.pad.clear();
  set_flow(work, node, wider);
}

void convert_slice(OnnxWork& work, const OnnxNode& node) {
  const OnnxFlow flow = flow_of(work, node, 0);
  const bool inputs = work.source.opset >= 10;
  const std::vector<std::int64_t> from = inputs ? constant_integers(work, node, 1) : integers_of(node, "starts", {});
  const std::vector<std::int64_t> to = inputs ? constant_integers(work, node, 2) : integers_of(node, "ends", {});
  std::vector<std::int64_t> axes(from.size());
  std::iota(axes.begin(), axes.end(), 0);
  axes = has_input(node, 3) ? constant_integers(work, node, 3) : integers_of(node, "axes", axes);
  if (to.size() != from.size() || axes.size() != from.size() || axes.size() > 8)
    throw OpError("has lists of different lengths, or of more than 8 axes");
  std::vector<std::int64_t> steps(from.size(), 1);
  if (has_input(node, 4)) steps = constant_integers(work, node, 4);
  if (steps.size() != from.size()) throw OpError("has lists of different lengths");
  NodeId at = plain(work, flow);
  Shape every(shape_of(work, at).size(), 1);  // by axis: which index of how many is taken
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t axis = sample_axis(axes[i], shape_of(work, at));
    const bool whole = axis < 0 && from[i] == 0 && to[i] >= work.batch;
    if (axis < 0 && !whole) throw OpError("cuts the batch, which is not taken");
    if (axis >= 0) at = cut(work, at, axis, from[i], to[i]);
    if (axis >= 0) every[static_cast<std::size_t>(axis)] = steps[i];
    else if (steps[i] != 1) throw OpError("cuts the batch, which is not taken");
  }
  set_flow(work, node, flow_from(work, thin_out(work, at, every)));
}

void convert_split(OnnxWork& work, const OnnxNode& node) {
  const NodeId input = plain(work, flow_of(work, node, 0));
  const std::int64_t axis = sample_axis(integer_of(node, "axis", 0), shape_of(work, input));
  if (axis < 0) throw OpError("splits the batch, which is not taken");
  const std::int64_t size = shape_of(work, input)[static_cast<std::size_t>(axis)];
  const auto ways = static_cast<std::int64_t>(node.outputs.size());
  std::vector<std::int64_t> sizes(node.outputs.size(), (size + ways - 1) / ways);
  sizes = has_input(node, 1) ? constant_integers(work, node, 1) : integers_of(node, "split", sizes);
  if (sizes.size() != node.outputs.size() || *std::min_element(sizes.begin(), sizes.end()) < 1)
    throw OpError("splits into another number of parts than it gives");
  std::int64_t at = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::int64_t end = std::min(size, at + std::min(size, sizes[i]));
    if (!node.outputs[i].empty()) set_flow(work, node, flow_from(work, cut(work, input, axis, at, end)), i);
    at = end;
  }
}

void convert_concat(OnnxWork& work, const OnnxNode& node) {
  std::vector<NodeId> inputs;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) inputs.push_back(plain(work, flow_of(work, node, i)));
  const std::int64_t axis = sample_axis(integer_of(node, "axis", 1), shape_of(work, inputs.front()));
  if (axis < 0) throw OpError("joins along the batch, which is not taken");
  Params params;
  if (axis != 0) params.set("axis", axis);
  set_flow(work, node, flow_from(work, inputs.size() == 1 ? inputs.front() : add_node(work, "concat", params, inputs)));
}

}  // namespace cleave
