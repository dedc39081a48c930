// What the generated sets share: how many samples, and the random numbers of one of them.
#pragma once

#include <cstdint>

#include "engine/data/dataset.h"
#include "ops/core/rng.h"

namespace cleave {

// Returns request.limit, or the usual number of the split.
inline std::int64_t generated_count(const DatasetRequest& request, std::int64_t train, std::int64_t test) {
  if (request.limit != 0) return request.limit;
  return request.split == "test" ? test : train;
}

// Returns the numbers of sample i of a split: a function of (seed, split, i), so no sample depends on another.
inline Rng sample_rng(const DatasetRequest& request, std::int64_t i) {
  const std::uint64_t split = request.split == "test" ? 1 : 0;
  return Rng(request.seed, kDataStream, (split << 48) | static_cast<std::uint64_t>(i));
}

}  // namespace cleave
