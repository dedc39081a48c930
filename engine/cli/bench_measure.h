// Measuring a network as a user runs it: one frame at a time, and at full load.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

struct BenchSettings {
  std::int64_t batch = 1;      // samples a frame holds
  std::int64_t in_flight = 4;  // frames under way at full load
  int threads = 1;
  double seconds = 3;  // of each phase, a tenth of it to warm up
  bool nodes = false;  // time every node, too
  const std::atomic<bool>* stop = nullptr;
  std::function<void(const char* phase, double share_done)> progress;
};

// Of several times.
struct Percentiles {
  double p50 = 0, p90 = 0, p99 = 0;  // seconds
  double spread = 0;                 // between the quartiles, as a share of the median
  std::int64_t count = 0;            // 0 = never measured
};

// Returns the values that 50, 90 and 99 of 100 do not exceed (nearest rank).
Percentiles percentiles_of(std::vector<double> seconds);

struct NodeTime {
  std::string name, op;
  double seconds = 0;  // a frame
  double share = 0;    // of all nodes' seconds
  double mult_adds_per_s = 0;
};

struct BenchResult {
  Percentiles latency;                                  // from a frame that is filled to its output, one at a time
  Percentiles per_sample;                               // time between samples at full load, by slices of the run
  std::vector<NodeTime> nodes;                          // as inference runs them, in order; empty unless asked for
  std::int64_t activation_bytes = 0, weight_bytes = 0;  // at full load
  std::int64_t peak_bytes = 0;                          // the largest resident set of this process
  double joules_per_frame = -1;                         // at full load; below 0 = not measured
  std::string no_joules;                                // why not
  bool stopped = false;
};

// Runs `graph` (after the passes, its weights by node) on random numbers. Throws as Flow.
BenchResult measure_bench(const Graph& graph, const Weights& weights, const BenchSettings& settings);

}  // namespace cleave
