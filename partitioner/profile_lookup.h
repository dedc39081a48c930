// Profiles beside a graph and a swarm: what they measured, by node, and for whom they speak.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "partitioner/cost.h"

namespace cleave {

// A profile with its names looked up in the graph.
struct Measurements {
  std::vector<std::pair<std::size_t, double>> nodes;
  std::vector<SegmentCost> segments;
  std::vector<ShareCost> shares;
};

// Looks the names of every profile up. Throws ModelError with all mistakes of a file: another network (hash), unknown
// names, one thing measured twice, segments that end before they start.
std::vector<Measurements> look_up(const Graph& graph, std::span<const Profile> profiles);

// Returns the index of the profile that speaks for a device: by its name, else by its preset; -1 = none. Throws
// UserError when there are two, ModelError when there are only ones of another batch.
int profile_of(const Device& device, std::span<const Profile> profiles, std::int64_t batch);

}  // namespace cleave
