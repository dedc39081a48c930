// The parts that need a process of their own.
#include <cstdlib>
#include <fstream>

#include <fmt/format.h>

#include "bench/peers/peer_bench.h"

namespace cleave {

namespace {

constexpr int kStarts = 21;

void run(const std::string& command) {
  std::fflush(stdout);
  if (std::system(command.c_str()) != 0) fmt::print("left out: it failed: {}\n", command);
}

void take_figures(PeerBench& bench, const std::string& file, const std::string& letter) {
  for (const auto& [name, value] : read_figures(file))
    if (name.starts_with(letter)) bench.figures[name] = value;
}

}  // namespace

void bench_cold_start(PeerBench& bench) {
  const std::string weights = bench.folder + "/resnet20.safetensors", sample = bench.folder + "/sample.f32";
  const EngineNet engine = engine_net(resnet20_text(), weights);
  const PeerNet net = peer_net(engine.graph, engine.weights);
  const PeerInput input = peer_input(net, 1);
  std::ofstream(sample, std::ios::binary)
      .write(reinterpret_cast<const char*>(input.nchw.data()), static_cast<std::streamsize>(4 * input.nchw.size()));
  write_peer_net(bench.folder, net, input);
  std::string command = fmt::format(
      "{} {}/cold.txt {} {} run {}/bench/models/resnet20.yaml --weights {} --input {} --input-format raw-f32 --threads "
      "1",
      CLEAVE_COLD_START, bench.folder, kStarts, CLEAVE_PROGRAM, CLEAVE_SOURCE_DIR, weights, sample);
  if (!ort_cases(bench, net, input, 1).empty())  // makes the file
    command += fmt::format(" --then {} {} {}/resnet20.onnx {}", CLEAVE_ORT_START, find_ort(CLEAVE_BUILD_DIR),
                           bench.folder, sample);
  run(command);
  take_figures(bench, bench.folder + "/cold.txt", "K8");
}

void bench_avx2(PeerBench& bench) {
  const std::string file = bench.folder + "/avx2.txt";
  run(fmt::format("CLEAVE_ISA=avx2 DNNL_MAX_CPU_ISA=AVX2 /proc/{}/exe --avx2 {} {}", getpid(), file, bench.rounds));
  take_figures(bench, file, "K3");
  take_figures(bench, file, "K5.avx2");
}

}  // namespace cleave
