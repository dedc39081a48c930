// The network that every peer computes: taken from cleave's graph as inference runs it, batch norm folded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

enum class PeerOp { conv, mean_pool, dense };

// Values are numbered: 0 is the input, i + 1 what layer i gives.
struct PeerLayer {
  PeerOp op = PeerOp::conv;
  int input = 0, add = -1;  // add: the value added before the relu; -1 = none
  std::int64_t channels_in = 0, channels_out = 0;
  std::int64_t size_in = 1, size_out = 1;  // rows and columns
  std::int64_t kernel = 1, stride = 1;     // the padding is kernel / 2
  bool relu = false;
  bool selects = false;        // a 1x1 convolution that only picks pixels and places channels
  std::vector<float> weights;  // [channels_out][channels_in][kernel][kernel]
  std::vector<float> bias;     // [channels_out]
};

struct PeerNet {
  std::string name;
  std::int64_t channels = 0, size = 0;  // of the input
  std::vector<PeerLayer> layers;
  double flops = 0;  // two for each multiply-add, one sample

  std::int64_t input_count() const { return channels * size * size; }
  std::int64_t output_count() const {
    return layers.back().channels_out * layers.back().size_out * layers.back().size_out;
  }
};

// Returns the net of a fused graph of convolutions, a global mean and a dense layer. Throws for anything else.
PeerNet peer_net(const Graph& graph, const Weights& weights);

// The same random samples in both orders of memory.
struct PeerInput {
  std::int64_t batch = 1;
  std::vector<float> nchw, nhwc;
};
PeerInput peer_input(const PeerNet& net, std::int64_t batch);

// Returns [batch][channels][pixels] as [batch][pixels][channels].
std::vector<float> to_nhwc(const float* values, std::int64_t batch, std::int64_t channels, std::int64_t pixels);

// Returns the largest difference, as a share of the largest value of `right`.
double relative_difference(const std::vector<float>& values, const std::vector<float>& right);

// Writes NAME.json and NAME.bin (weights and biases, layer by layer, then the input's samples) for the Python scripts.
void write_peer_net(const std::string& folder, const PeerNet& net, const PeerInput& input);

}  // namespace cleave
