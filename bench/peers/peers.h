// The peers that are libraries. One that was not there when the benches were built has no cases.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/peers/peer_net.h"
#include "bench/peers/rounds.h"

namespace cleave {

// oneDNN, a primitive a layer with fused bias, residual and relu: in layouts of its choice, and in NHWC.
std::vector<PeerCase> onednn_cases(const PeerNet& net, const PeerInput& input, int threads);
// The same convolutions on u8 and s8, without a look at the values.
std::vector<PeerCase> onednn_int8_cases(const PeerNet& net, int threads);

// XNNPACK, an operator a layer, NHWC.
std::vector<PeerCase> xnnpack_cases(const PeerNet& net, const PeerInput& input, int threads);
// The same convolutions on qs8.
std::vector<PeerCase> xnnpack_int8_cases(const PeerNet& net, int threads);

// Eigen: im2col, then a product of matrices. For chains of convolutions on one thread.
std::vector<PeerCase> eigen_cases(const PeerNet& net, const PeerInput& input);

// Sets the threads of OpenMP, which oneDNN uses.
void set_openmp_threads(int threads);

}  // namespace cleave
