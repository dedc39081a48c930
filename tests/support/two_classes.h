// A batch that a layer can learn: 40 images of 6 random values, of class 1 where the first is positive.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/mcmc/block_batch.h"
#include "ops/core/rng.h"

namespace cleave {

inline BlockBatch two_classes() {
  Tensor images(40, {6});
  std::vector<std::int32_t> labels;
  Rng rng(2, kTestStream, 0);
  for (float& value : images.data) value = static_cast<float>(rng.normal());
  for (std::int64_t i = 0; i < 40; ++i) labels.push_back(images.data[static_cast<std::size_t>(6 * i)] > 0 ? 1 : 0);
  BlockBatch batch;
  fill_batch(batch, static_cast<const Tensor&>(images).view(), labels, 16);
  return batch;
}

}  // namespace cleave
