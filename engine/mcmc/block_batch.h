// BlockBatch: a batch of images in the training layout, with labels: what a module is trained on, and what it hands on.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graphs/graph.h"
#include "ops/core/tensor.h"

namespace cleave {

struct BlockBatch {
  Shape shape;              // of one image
  std::int64_t images = 0;  // the last block is filled up with zeros
  std::int64_t lanes = 0;   // images per block
  std::vector<float> values;
  std::vector<std::int32_t> labels;  // [blocks·lanes], -1 behind the last image

  std::int64_t blocks() const { return lanes == 0 ? 0 : (images + lanes - 1) / lanes; }
  std::int64_t block_size() const { return element_count(shape) * lanes; }
  BlockView block(std::int64_t b) {
    return {channels_of(shape), pixels_of(shape), lanes, values.data() + b * block_size()};
  }
  ConstBlockView block(std::int64_t b) const {
    return {channels_of(shape), pixels_of(shape), lanes, values.data() + b * block_size()};
  }
  // Images in block `b`.
  std::int64_t used(std::int64_t b) const { return images - b * lanes < lanes ? images - b * lanes : lanes; }
};

// Returns the images per block that a model is trained with: kLanes, or kImageLanes where it computes images.
std::int64_t lanes_for(const Graph& graph);
// Makes `to` an empty batch of this many images of this shape, with room for their values; keeps its memory.
void resize_batch(BlockBatch& to, const Shape& shape, std::int64_t images, std::int64_t lanes);
// Copies a batch and its labels, one per image, into blocks of `lanes` images (a multiple of kLaneMultiple).
void fill_batch(BlockBatch& to, const ConstTensorView& from, std::span<const std::int32_t> labels, std::int64_t lanes);

}  // namespace cleave
