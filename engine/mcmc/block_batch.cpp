#include "engine/mcmc/block_batch.h"

#include <algorithm>

#include "engine/mcmc/defaults.h"

namespace cleave {

std::int64_t lanes_for(const Graph& graph) {
  const auto computes_images = [](const Node& node) { return node.op != nullptr && is_image(node.type.shape); };
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), computes_images) ? kImageLanes : kLanes;
}

void resize_batch(BlockBatch& to, const Shape& shape, std::int64_t images, std::int64_t lanes) {
  to.shape = shape;
  to.images = images;
  to.lanes = lanes;
  to.values.resize(static_cast<std::size_t>(to.blocks() * to.block_size()));
  to.labels.assign(static_cast<std::size_t>(to.blocks() * lanes), -1);
}

void fill_batch(BlockBatch& to, const ConstTensorView& from, std::span<const std::int32_t> labels, std::int64_t lanes) {
  resize_batch(to, *from.shape, from.batch, lanes);
  std::copy(labels.begin(), labels.begin() + from.batch, to.labels.begin());
  for (std::int64_t b = 0; b < to.blocks(); ++b) to_block(from, b * lanes, to.block(b));
}

}  // namespace cleave
