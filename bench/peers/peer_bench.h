// The parts of the peers bench, and what they share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/peer.h"
#include "bench/peers/engine_case.h"
#include "bench/peers/goals.h"
#include "bench/peers/ort.h"
#include "bench/peers/peaks.h"

namespace cleave {

struct PeerBench {
  std::string folder;  // for models, weights and figures
  int rounds = 15;
  bool avx2_only = false;       // a process of its own with cleave and oneDNN limited to AVX2
  std::unique_ptr<Ort> ort;     // null: left out
  std::shared_ptr<Peer> torch;  // null: left out
  Peaks peaks;
  Figures figures;
};

constexpr double kMostDifference = 1e-3;  // of a peer's outputs, relative to the largest

// Returns ONNX Runtime on the net that write_peer_net wrote; makes its ONNX file.
std::vector<PeerCase> ort_cases(const PeerBench& bench, const PeerNet& net, const PeerInput& input, int threads);
// Runs every case once and prints how far its outputs are from the first case's. Throws when that is too far.
void compare_outputs(const std::vector<PeerCase>& cases);
// Returns the case's time over that of the first; 0 when no case is called so.
double ratio_to_first(const std::vector<PeerCase>& cases, const std::string& name, int threads);
// The same of the fastest case whose name begins so.
double ratio_of_best(const std::vector<PeerCase>& cases, const std::string& begin, int threads);
// Stores a figure unless it is 0, which stands for "the peer was not there".
void store(PeerBench& bench, const std::string& name, double value);

void bench_resnet(PeerBench& bench);       // K1, K2, one thread
void bench_two_threads(PeerBench& bench);  // K2; the last, since thread pools stay awake for a while
void bench_chains(PeerBench& bench);       // K4, K5, Larq's shapes as a chart
void bench_overhead(PeerBench& bench);     // K7, after the ResNet
void bench_cold_start(PeerBench& bench);   // K8
void bench_avx2(PeerBench& bench);         // K3 and K5 in a process that is limited to AVX2

// One kind of network on one of the four shapes: seconds a layer.
struct LarqTime {
  std::string kind;   // "cleave, binary"
  std::size_t shape;  // 0 to 3
  double seconds = 0;
};
// Draws the times as bars.
void write_larq_chart(const std::string& file, const std::vector<LarqTime>& times);

}  // namespace cleave
