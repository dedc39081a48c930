// Measuring: what the nodes of a graph, and runs of them, take on this machine.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/runtime/sub_graph.h"
#include "partitioner/profile.h"

namespace cleave {

struct MeasureOptions {
  std::int64_t batch = 1;  // samples in a frame
  std::int64_t repeats = 15;
  int threads = 1;  // so many frames at once, each on a thread of its own; seconds are then wall time per frame
  double sample_s = 200e-6;                           // short work is repeated within one timing for about so long
  std::int64_t memory_bytes = std::int64_t{1} << 30;  // what may be held ready at once, to be timed in turn
  const std::atomic<bool>* stop = nullptr;            // set by anyone: no further timing
  std::function<double()> now_s;                      // a clock; none = the system's
  std::function<void(std::int64_t done, std::int64_t all)> progress;  // after each
};

// A layer as inference computes it: a node, and those its kernel absorbs.
struct LayerTime {
  std::vector<NodeId> nodes;  // ascending
  Measured measured;
};

struct Measurement {
  std::vector<LayerTime> layers;         // in order of their first nodes
  std::vector<NodeProfile> nodes;        // in the graph's order
  std::vector<SegmentProfile> segments;  // heads, tails, stretches between neighbouring cuts, the whole
  std::int64_t done = 0, all = 0;        // timings, warm-ups included
  bool stopped = false;                  // what was never timed is missing; medians may be of fewer repeats
  double wall_s = 0, cpu_s = 0;          // of all timings; less CPU than wall time: the machine did other work, too
};

// Times the graph (as written) as inference would run it: passes first. Heads up to each of `cuts` (ascending), tails
// behind each, the stretches between neighbours and the whole are built, fused and timed as graphs of their own. So is
// every node; where inference computes several as one layer, that layer is timed, too, and each of its nodes is given a
// share of the layer's time in proportion to what it takes alone, so that sums over whole layers are what inference
// takes. All are timed in turn, `repeats` times over (as many at once as memory_bytes allows), after a warm-up each.
// What is read from outside a segment is random numbers: kernels take the same time whatever the values. Throws as
// `run_node`.
Measurement measure(const Graph& graph, const Weights& weights, const std::vector<CutPoint>& cuts,
                    const MeasureOptions& options);

// Returns median and spread of `samples` (not empty), to five digits, as a profile's text holds them exactly.
Measured summary_of(std::vector<double> samples);

}  // namespace cleave
