// Where does cleave stand beside ONNX Runtime, oneDNN, XNNPACK, Eigen and PyTorch? All run the same networks with the
// same weights in turns; cleave through its engine from a YAML file. PyTorch is a process of its own, asked in its
// turn.
//   peers_bench [ROUNDS]
#include <cstdlib>
#include <exception>
#include <filesystem>

#include <fmt/format.h>

#include "bench/peers/peer_bench.h"

namespace cleave {
namespace {

std::unique_ptr<Ort> load_ort() {
  const std::string library = find_ort(CLEAVE_BUILD_DIR);
  if (library.empty()) {
    fmt::print("left out: ONNX Runtime is not there (`./dev bench peers` gets it by npm; or name it in CLEAVE_ORT)\n");
    return nullptr;
  }
  try {
    auto ort = std::make_unique<Ort>(library);
    fmt::print("peer: ONNX Runtime {}\n", ort->version());
    return ort;
  } catch (const std::exception& error) {
    fmt::print("left out: {}\n", error.what());
    return nullptr;
  }
}

void run_all(PeerBench& bench) {
  bench.ort = load_ort();
  if (std::optional<Peer> torch = start_peer("peers/torch_peer.py"))
    bench.torch = std::make_shared<Peer>(std::move(*torch));
  bench_cold_start(bench);
  bench_resnet(bench);
  bench_overhead(bench);
  bench_chains(bench);
  bench_avx2(bench);
  bench_two_threads(bench);
  print_goals(bench.figures);
}

}  // namespace
}  // namespace cleave

int main(int count, char** words) {
  using namespace cleave;
  PeerBench bench;
  bench.folder = CLEAVE_BENCH_DIR "/peers";
  bench.avx2_only = count > 2 && std::string(words[1]) == "--avx2";
  const int at = bench.avx2_only ? 3 : 1;
  if (count > at) bench.rounds = std::max(3, std::atoi(words[at]));
  try {
    std::filesystem::create_directories(bench.folder);
    fmt::print("\n{}", bench.avx2_only ? "limited to AVX2: " : "");
    bench.peaks = measure_peaks();
    print_peaks(bench.peaks);
    if (!bench.avx2_only) {
      run_all(bench);
      return 0;
    }
    bench_resnet(bench);
    bench_chains(bench);
    write_figures(words[2], bench.figures);
  } catch (const std::exception& error) {
    fmt::print("failed: {}\n", error.what());
    return 1;
  }
  return 0;
}
