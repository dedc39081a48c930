// Batches: in which order images are trained on, and a source of batches over images in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ops/core/tensor.h"

namespace cleave {

// Where one batch lies in an epoch's order.
struct BatchRange {
  std::int64_t first = 0;
  std::int64_t count = 0;  // 0 = the epoch is over

  bool operator==(const BatchRange&) const = default;
};

// Returns batch number `number` (from 0) of an epoch of `images` images. An epoch is cut into as few batches of at most
// `batch` images as will do, all alike but for one image: a short last batch would be given as many steps as the others
// and be learnt by heart.
BatchRange batch_range(std::int64_t images, std::int64_t batch, std::int64_t number);

// Writes batch number `batch` of epoch `epoch` (both from 0) and returns how many images it has: at most `input.batch`,
// 0 where the epoch is over. `labels` has room for `input.batch`. Called by one thread
// at a time, in order.
using BatchSource = std::function<std::int64_t(std::int64_t epoch, std::int64_t batch, TensorView input,
                                               std::span<std::int32_t> labels)>;

// Returns 0 … count-1 in the order of epoch `epoch`: a function of (seed, epoch) (Fisher and Yates 1938, Durstenfeld).
std::vector<std::int64_t> shuffled_order(std::int64_t count, std::uint64_t seed, std::int64_t epoch);
// Returns a source that goes through these images and labels in a new order each epoch, in batches
// by batch_range. They must outlive it.
BatchSource shuffled_batches(ConstTensorView images, std::span<const std::int32_t> labels, std::uint64_t seed);

}  // namespace cleave
