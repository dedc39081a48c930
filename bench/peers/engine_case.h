// cleave itself: its engine, from a model's text.
#pragma once

#include <string>

#include "bench/peers/peer_net.h"
#include "bench/peers/rounds.h"
#include "graphs/build.h"

namespace cleave {

// A model as inference runs it, with random weights.
struct EngineNet {
  Graph graph;
  Weights weights;
};

// Reads and builds a model, draws its weights (biases, too, and shortcuts that select) and runs the passes. With
// `weights_file` they are written there first, for the program.
EngineNet engine_net(const std::string& model_text, const std::string& weights_file = "");

// Runs frames of `input` one after the other through a Flow. As for the peers, input and output stand where they are:
// they are copied once for all calls in a row. Timed as cases of `timed_threads` are.
PeerCase engine_case(const std::string& name, const EngineNet& net, const PeerInput& input, int threads,
                     int timed_threads = 1);

// Models: bench/models/resnet20.yaml, and chains of eight 3x3 convolutions that keep size and channels.
std::string resnet20_text();
constexpr int kChain = 8;
enum class ChainKind { real, int8, binary };
std::string chain_text(const std::string& name, std::int64_t size, std::int64_t channels, ChainKind kind);

}  // namespace cleave
