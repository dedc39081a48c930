// From readings to nodes: what Reshape, Transpose and Pad leave to be done is done here, once somebody needs it.
#include <algorithm>

#include <fmt/format.h>

#include "graphs/onnx_work.h"

namespace cleave {

namespace {

// Rows and columns of zeros. Columns are the same on both sides in ours, so one side's surplus is cut off again.
NodeId add_pad(OnnxWork& work, NodeId image, const std::vector<std::int64_t>& pad) {
  const std::int64_t columns = std::max(pad[1], pad[3]);
  Params params;
  params.set("size", columns);
  if (pad[0] != columns || pad[2] != columns) params.set("rows", std::vector<std::int64_t>{pad[0], pad[2]});
  const NodeId wide = add_node(work, "pad", params, {image});
  if (pad[1] == pad[3]) return wide;
  const std::int64_t from = columns - pad[1];
  Params cut;
  cut.set("axis", std::int64_t{2});
  cut.set("from", from);
  cut.set("to", from + pad[1] + shape_of(work, image)[2] + pad[3]);
  return add_node(work, "slice", cut, {wide});
}

// The node's numbers, in its own order, in another shape.
NodeId in_shape(OnnxWork& work, NodeId node, const Shape& shape) {
  if (shape_of(work, node) == shape) return node;
  if (shape.size() != 1 && shape.size() != 3)
    throw OpError(
        fmt::format("reads {}; only vectors [N, size] and images [N, C, H, W] are taken", onnx_shape_text(shape)));
  const auto [known, fresh] = work.reshaped.try_emplace({node, shape}, NodeId::none);
  if (!fresh) return known->second;
  Params params;
  const bool flat = shape.size() == 1;
  if (!flat) params.set("shape", shape);
  try {
    known->second = add_node(work, flat ? "flatten" : "reshape", params, {node});
  } catch (const OpError&) {
    work.reshaped.erase(known);
    throw;
  }
  return known->second;
}

// Where in the node's order (channel, row, column) each value of the flow's order is.
std::vector<std::int64_t> places(const Shape& node, const OnnxFlow& flow) {
  std::vector<std::int64_t> strides(node.size(), 1);
  for (std::size_t i = node.size() - 1; i-- > 0;) strides[i] = strides[i + 1] * node[i + 1];
  std::vector<std::int64_t> all(1, 0);
  for (std::size_t i = 0; i < flow.shape.size(); ++i) {
    const std::int64_t stride = strides[static_cast<std::size_t>(flow.axes[i])];
    std::vector<std::int64_t> next;
    next.reserve(all.size() * static_cast<std::size_t>(flow.shape[i]));
    for (const std::int64_t place : all)
      for (std::int64_t k = 0; k < flow.shape[i]; ++k) next.push_back(place + k * stride);
    all = std::move(next);
  }
  return all;
}

}  // namespace

Shape unpadded(const OnnxFlow& flow) {
  Shape shape = flow.shape;
  if (flow.pad.empty()) return shape;
  shape[1] -= flow.pad[0] + flow.pad[2];
  shape[2] -= flow.pad[1] + flow.pad[3];
  return shape;
}

OnnxFlow padded(OnnxWork& work, const OnnxFlow& flow) {
  if (flow.pad.empty()) return flow;
  OnnxFlow done = flow_from(work, add_pad(work, in_shape(work, flow.node, unpadded(flow)), flow.pad));
  done.shared = flow.shared;
  return done;
}

NodeId plain(OnnxWork& work, const OnnxFlow& flow) {
  if (!flow.axes.empty() || !flow.columns.empty())
    throw OpError(
        "reads its input in another order of axes than batch, channel, row, column, by a Transpose that does "
        "not fold");
  const OnnxFlow whole = padded(work, flow);
  return in_shape(work, whole.node, whole.shape);
}

NodeId plain_image(OnnxWork& work, const OnnxFlow& flow, bool keep_pad) {
  if (flow.shape.size() != 3)
    throw OpError(fmt::format("reads {}, an image [N, C, H, W] is needed", onnx_shape_text(flow.shape)));
  OnnxFlow image = flow;
  if (keep_pad) {
    image.shape = unpadded(flow);
    image.pad.clear();
  }
  return plain(work, image);
}

OnnxFlow reshaped(const OnnxWork& work, const OnnxFlow& flow, const Shape& shape) {
  constexpr std::size_t kMostSizes = 8;
  if (shape.size() > kMostSizes) throw OpError(fmt::format("makes a shape of {} sizes", shape.size()));
  if (element_count(shape) != element_count(flow.shape))
    throw OpError(fmt::format("cannot make {} of {}", onnx_shape_text(shape), onnx_shape_text(flow.shape)));
  OnnxFlow other = flow;
  other.shape = shape;
  if (shape == flow.shape || (flow.axes.empty() && flow.columns.empty())) return other;
  if (shape.size() == 1 && !flow.columns.empty()) return other;
  constexpr std::int64_t kMostPlaces = std::int64_t{1} << 24;
  if (shape.size() != 1 || element_count(shape) > kMostPlaces)
    throw OpError("changes the shape of what a Transpose brought into another order, which does not fold");
  other.columns = places(shape_of(work, flow.node), flow);
  other.axes.clear();
  return other;
}

}  // namespace cleave
