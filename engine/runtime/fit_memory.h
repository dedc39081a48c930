// Fitting a network into little memory: its first layers in patches.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "graphs/graph.h"
#include "graphs/run_spec.h"

namespace cleave {

// The first layers, up to and with `to`, computed as so many bands of rows, one after the other.
struct Patches {
  NodeId to = NodeId::none;  // of the graph as written
  std::int64_t count = 1;
  double extra_compute = 0;  // share of the network's operations that is done again where bands overlap
};

// What one sample takes in one process, in bytes. Activations are the frame (inputs and answers) and all between them,
// with the nodes one after the other.
struct RunMemory {
  std::int64_t weight_bytes = 0;   // as they are stored: each at its type's bits
  std::int64_t apart_bytes = 0;    // activations, if every node had a buffer of its own
  std::int64_t shared_bytes = 0;   // in one arena, by lifetime
  std::string fullest;             // the node at which most is in use
  std::optional<Patches> patches;  // where they are needed to fit, and help
  std::int64_t patched_bytes = 0;  // in patches; without them as shared_bytes
};

// Returns what a run of `graph` (as written, before the passes) takes, and, where its activations do not fit into
// `limits.memory_bytes`, the patches with the least extra compute that make them fit. Where none do, those are missing.
RunMemory run_memory(const Graph& graph, const LimitsSpec& limits);

// Says in one sentence what does not fit, and what would; "" where all does.
std::string why_too_large(const RunMemory& memory, const LimitsSpec& limits);

// Rewrites graph and weights into patches: the same outputs, bit for bit.
void apply_patches(Graph& graph, Weights& weights, const Patches& patches);

}  // namespace cleave
