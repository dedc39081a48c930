// A swarm by hand, in one process: one Flow per shard, every tensor as the bytes that would travel.
#pragma once

#include <vector>

#include "engine/runtime/shard.h"

namespace cleave {

// Fuses the shards and runs all samples of `input` through them, `batch` at a time. Returns the outputs of
// `sharding.answers`, all samples one after the other.
std::vector<std::vector<float>> run_shards(Sharding sharding, const Tensor& input, std::int64_t batch);
// The same outputs from one process that runs the graph as inference does: fused, in one Flow.
std::vector<std::vector<float>> run_whole(Graph graph, Weights weights, const std::vector<NodeId>& wanted,
                                          const Tensor& input, std::int64_t batch);
// Values like those of images: [0, 1).
Tensor random_samples(const Shape& shape, std::int64_t count);

}  // namespace cleave
