#include "engine/train/batches.h"

#include <algorithm>
#include <utility>

#include "ops/core/rng.h"

namespace cleave {

BatchRange batch_range(std::int64_t images, std::int64_t batch, std::int64_t number) {
  const std::int64_t batches = (images + batch - 1) / batch;
  if (number >= batches) return {images, 0};
  const std::int64_t first = images * number / batches;
  return {first, images * (number + 1) / batches - first};
}

std::vector<std::int64_t> shuffled_order(std::int64_t count, std::uint64_t seed, std::int64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  Rng rng(seed, kShuffleStream, static_cast<std::uint64_t>(epoch));
  for (std::size_t left = order.size(); left > 1; --left)
    std::swap(order[left - 1], order[static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(left)))]);
  return order;
}

BatchSource shuffled_batches(ConstTensorView images, std::span<const std::int32_t> labels, std::uint64_t seed) {
  std::vector<std::int64_t> order;
  std::int64_t order_epoch = -1;
  return [=](std::int64_t epoch, std::int64_t batch, TensorView input, std::span<std::int32_t> to) mutable {
    if (epoch != order_epoch) order = shuffled_order(images.batch, seed, epoch);
    order_epoch = epoch;
    const auto [first, count] = batch_range(images.batch, input.batch, batch);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t image = order[static_cast<std::size_t>(first + i)];
      std::copy_n(images.sample(image), images.sample_size(), input.sample(i));
      to[static_cast<std::size_t>(i)] = labels[static_cast<std::size_t>(image)];
    }
    return count;
  };
}

}  // namespace cleave
