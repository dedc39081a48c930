#include "bench/peers/peer_bench.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

namespace cleave {

std::vector<PeerCase> ort_cases(const PeerBench& bench, const PeerNet& net, const PeerInput& input, int threads) {
  if (bench.ort == nullptr) return {};
  const std::string path = bench.folder + "/" + net.name;
  const std::string command =
      fmt::format("/usr/bin/python3 {}/bench/peers/make_onnx.py {} 2>/dev/null", CLEAVE_SOURCE_DIR, path);
  if (std::system(command.c_str()) != 0) {
    fmt::print("left out: ONNX Runtime on {}: make_onnx.py cannot be run (apt-get install python3-onnx)\n", net.name);
    return {};
  }
  const PeerLayer& last = net.layers.back();
  std::vector<std::int64_t> shape{input.batch, last.channels_out};
  if (last.size_out > 1) shape.insert(shape.end(), {last.size_out, last.size_out});
  const auto session = std::make_shared<OrtSession>(
      *bench.ort, path + ".onnx", threads, std::vector<std::int64_t>{input.batch, net.channels, net.size, net.size},
      input.nchw, shape);
  return {in_process(
      "ONNX Runtime", threads, [session] { session->run(); },
      [session, batch = input.batch, channels = last.channels_out, size = last.size_out] {
        return to_nhwc(session->output().data(), batch, channels, size * size);
      })};
}

void compare_outputs(const std::vector<PeerCase>& cases) {
  std::vector<float> right;
  for (const PeerCase& peer : cases) {
    if (!peer.output) continue;
    peer.seconds(1);
    if (right.empty()) {
      right = peer.output();
      continue;
    }
    const double difference = relative_difference(peer.output(), right);
    fmt::print("  {:30} differs by {:.1e}\n", peer.name, difference);
    if (!(difference <= kMostDifference)) throw std::runtime_error(peer.name + " computes something else");
  }
}

double ratio_to_first(const std::vector<PeerCase>& cases, const std::string& name, int threads) {
  for (const PeerCase& peer : cases)
    if (peer.name == name) return typical(peer, threads) / typical(cases.front(), threads);
  return 0;
}

double ratio_of_best(const std::vector<PeerCase>& cases, const std::string& begin, int threads) {
  double best = std::numeric_limits<double>::infinity();
  for (const PeerCase& peer : cases)
    if (peer.name.starts_with(begin)) best = std::min(best, typical(peer, threads));
  return best < std::numeric_limits<double>::infinity() ? best / typical(cases.front(), threads) : 0;
}

void store(PeerBench& bench, const std::string& name, double value) {
  if (value > 0) bench.figures[name] = value;
}

}  // namespace cleave
