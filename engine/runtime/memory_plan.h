// MemoryPlan: where the output of every node stands while a graph runs.
//
// A frame of `batch` samples goes through the graph in slices of `slice` samples, each a trip of its own. What somebody
// outside reads or writes (inputs, `kept` nodes) is held by the frame, for the whole batch and without a halo.
// Everything else lives in the trip's arena, for one slice, and only from the node that writes it to the last that
// reads it: buffers that are never needed at the same time share their bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

struct MemoryOptions {
  std::int64_t batch = 1;
  std::int64_t slice = 0;                     // samples a trip computes; 0 = as many as stay in a core's cache
  int threads = 1;                            // that share a batch: a slice is not larger than what each of them gets
  const std::vector<NodeId>* kept = nullptr;  // nodes whose outputs are read when the frame has passed; null = all
  bool serial = false;                        // nodes run one after the other, in the graph's order: more can share
};

// Where a node's output stands.
struct Place {
  bool kept = false;         // in the frame, else in the arena
  std::int64_t at = 0;       // floats from its beginning, a multiple of a cache line
  std::int64_t halo = 0;     // see BasicView::halo
  std::int64_t scratch = 0;  // floats from the arena's beginning to what the node's op needs beside it
  std::int64_t scratch_size = 0;
};

struct MemoryPlan {
  std::int64_t batch = 1, slice = 1;
  std::vector<Place> places;      // by node
  std::int64_t kept_floats = 0;   // of a frame
  std::int64_t arena_floats = 0;  // of a trip
  std::int64_t live_floats = 0;   // the most that one trip, node by node, has in use at once: no arena is smaller
  NodeId fullest = NodeId::none;  // the node at which that is so

  // Bytes of activations while `trips` trips of `frames` frames are under way.
  std::int64_t bytes(std::int64_t frames, std::int64_t trips) const;
};

// Returns the nodes whose outputs no node reads.
std::vector<NodeId> unread_nodes(const Graph& graph);

// Returns the plan. Sizes beyond 2^48 floats count as that.
MemoryPlan plan_memory(const Graph& graph, const MemoryOptions& options);

}  // namespace cleave
