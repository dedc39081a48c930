// The four shapes of Larq's figure (Bannink et al., "Larq Compute Engine", 2021), 3x3 convolutions that keep their
// size, as chains of eight through the engine; times are of one layer.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bench/peers/peer_bench.h"
#include "bench/peers/peers.h"
#include "bench/peers/torch.h"

namespace cleave {

namespace {

struct Shape3 {
  const char* name;
  std::int64_t size, channels;
};
constexpr Shape3 kShapes[] = {{"A", 56, 64}, {"B", 28, 128}, {"C", 14, 256}, {"D", 7, 256}};

void append(std::vector<PeerCase>& cases, std::vector<PeerCase> more) {
  for (PeerCase& peer : more) cases.push_back(std::move(peer));
}

std::vector<PeerCase> float_cases(PeerBench& bench, const Shape3& shape, const PeerNet& net, const EngineNet& engine,
                                  const PeerInput& input) {
  fmt::print("\nconvolution {}, {}x{}x{}: outputs compared with cleave's\n", shape.name, shape.size, shape.size,
             shape.channels);
  std::vector<PeerCase> cases{engine_case("cleave", engine, input, 1)};
  append(cases, onednn_cases(net, input, 1));
  if (!bench.avx2_only) {
    append(cases, ort_cases(bench, net, input, 1));
    append(cases, xnnpack_cases(net, input, 1));
    append(cases, eigen_cases(net, input));
  }
  compare_outputs(cases);
  append(cases, torch_cases(bench.torch, bench.folder + "/" + net.name, 1, 1, cases.front().output(), kMostDifference));
  return cases;
}

EngineNet chain_of(const Shape3& shape, ChainKind kind) {
  return engine_net(chain_text(fmt::format("chain_{}", shape.name), shape.size, shape.channels, kind));
}

// All kinds of one shape, in turns; the float one of cleave first.
std::vector<PeerCase> measure(PeerBench& bench, const Shape3& shape) {
  const EngineNet engine = chain_of(shape, ChainKind::real);
  const PeerNet net = peer_net(engine.graph, engine.weights);
  const PeerInput input = peer_input(net, 1);
  write_peer_net(bench.folder, net, input);
  std::vector<PeerCase> cases = float_cases(bench, shape, net, engine, input);
  cases.push_back(engine_case("cleave, int8", chain_of(shape, ChainKind::int8), input, 1));
  cases.push_back(engine_case("cleave, binary", chain_of(shape, ChainKind::binary), input, 1));
  append(cases, onednn_int8_cases(net, 1));
  if (!bench.avx2_only) append(cases, xnnpack_int8_cases(net, 1));
  run_rounds(cases, 1, bench.rounds, 0.03);
  for (PeerCase& peer : cases)
    for (double& seconds : peer.samples) seconds /= kChain;
  print_cases(fmt::format("convolution {}", shape.name), cases, 1, net.flops / kChain, 1e-9, "Gop/s");
  return cases;
}

double time_of(const std::vector<PeerCase>& cases, const std::string& name) {
  return ratio_to_first(cases, name, 1) * typical(cases.front(), 1);
}

void store_figures(PeerBench& bench, const Shape3& shape, const std::vector<PeerCase>& cases) {
  const double work = 18.0 * static_cast<double>(shape.channels * shape.channels * shape.size * shape.size);
  const std::string float_name = fmt::format("K4.{}", shape.name), binary_name = fmt::format("K5.{}", shape.name);
  const double ours = typical(cases.front(), 1), binary = time_of(cases, "cleave, binary");
  const double float_share = work / ours / bench.peaks.floats;
  const double binary_share = work / binary / bench.peaks.binary;
  fmt::print("  cleave: float {:.1f} % of its peak, binary {:.1f} %", 100 * float_share, 100 * binary_share);
  if (bench.peaks.int8 > 0)
    fmt::print(", int8 {:.1f} %", 100 * work / time_of(cases, "cleave, int8") / bench.peaks.int8);
  fmt::print("\n");
  store(bench, float_name + ".peak", float_share);
  store(bench, float_name + ".ort", ratio_to_first(cases, "ONNX Runtime", 1));
  store(bench, binary_name + ".float", ours / binary);
  store(bench, binary_name + ".int8", time_of(cases, "oneDNN u8 x s8") / binary);
  store(bench, binary_name + ".peak", binary_share);
}

}  // namespace

void bench_chains(PeerBench& bench) {
  set_openmp_threads(1);
  std::vector<LarqTime> times;
  double product = 1, least = INFINITY;
  for (std::size_t i = 0; i < std::size(kShapes); ++i) {
    const std::vector<PeerCase> cases = measure(bench, kShapes[i]);
    store_figures(bench, kShapes[i], cases);
    for (const PeerCase& peer : cases) times.push_back({peer.name, i, typical(peer, 1)});
    const double ratio = bench.figures[fmt::format("K5.{}.float", kShapes[i].name)];
    product *= ratio;
    least = std::min(least, ratio);
  }
  bench.figures["K5.mean"] = std::pow(product, 1.0 / std::size(kShapes));
  if (bench.avx2_only) bench.figures["K5.avx2"] = least;
  else write_larq_chart(CLEAVE_BENCH_DIR "/larq_shapes.svg", times);
}

}  // namespace cleave
