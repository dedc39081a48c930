#include <fmt/format.h>

#include "bench/peers/peer_bench.h"
#include "bench/peers/peers.h"
#include "bench/peers/torch.h"

namespace cleave {

namespace {

void append(std::vector<PeerCase>& cases, std::vector<PeerCase> more) {
  for (PeerCase& peer : more) cases.push_back(std::move(peer));
}

std::vector<PeerCase> measure(PeerBench& bench, const EngineNet& engine, const PeerNet& net, std::int64_t batch,
                              int threads) {
  const PeerInput input = peer_input(net, batch);
  write_peer_net(bench.folder, net, input);
  set_openmp_threads(threads);
  fmt::print("\nResNet-20, batch {}, {} thread{}: outputs compared with cleave's\n", batch, threads,
             threads == 1 ? "" : "s");
  std::vector<PeerCase> cases{engine_case("cleave", engine, input, threads)};
  append(cases, onednn_cases(net, input, threads));
  if (!bench.avx2_only) {
    append(cases, ort_cases(bench, net, input, threads));
    append(cases, xnnpack_cases(net, input, threads));
  }
  compare_outputs(cases);
  append(cases, torch_cases(bench.torch, bench.folder + "/" + net.name, batch, threads, cases.front().output(),
                            kMostDifference));
  if (threads > 1) cases.push_back(engine_case("cleave, 1 thread", engine, input, 1, threads));
  run_rounds(cases, threads, bench.rounds, batch == 1 ? 0.03 : 0.1);
  const double flops = net.flops * static_cast<double>(batch);
  print_cases(fmt::format("ResNet-20, batch {}", batch), cases, threads, static_cast<double>(batch), 1, "images/s");
  fmt::print("  cleave: {:.1f} % of the multiply-add peak, counted as plain sums need them\n",
             100 * flops / typical(cases.front(), threads) / (threads * bench.peaks.floats));
  return cases;
}

}  // namespace

void bench_resnet(PeerBench& bench) {
  const EngineNet engine = engine_net(resnet20_text());
  const PeerNet net = peer_net(engine.graph, engine.weights);
  const std::vector<PeerCase> one = measure(bench, engine, net, 1, 1);
  store(bench, bench.avx2_only ? "K3.onednn" : "K1.onednn", ratio_of_best(one, "oneDNN", 1));
  if (bench.avx2_only) return;
  bench.figures["resnet20.seconds"] = typical(one.front(), 1);
  store(bench, "K1.ort", ratio_to_first(one, "ONNX Runtime", 1));
  store(bench, "K1.script", ratio_of_best(one, "TorchScript", 1));
  const std::vector<PeerCase> many = measure(bench, engine, net, 128, 1);
  store(bench, "K2.ort", ratio_to_first(many, "ONNX Runtime", 1));
  store(bench, "K2.onednn", ratio_of_best(many, "oneDNN", 1));
}

void bench_two_threads(PeerBench& bench) {
  const EngineNet engine = engine_net(resnet20_text());
  const PeerNet net = peer_net(engine.graph, engine.weights);
  store(bench, "K2.ort_2", ratio_to_first(measure(bench, engine, net, 1, 2), "ONNX Runtime", 2));
  store(bench, "K2.threads", ratio_to_first(measure(bench, engine, net, 128, 2), "cleave, 1 thread", 2));
}

}  // namespace cleave
