// What the flow adds to ResNet-20: the same wiring, of ops that do next to nothing, through Flow::run and through a
// plain loop that calls the nodes.
#include <fmt/format.h>

#include "bench/bench.h"
#include "bench/peers/peer_bench.h"
#include "bench/trivial_op.h"

namespace cleave {

namespace {

constexpr std::int64_t kFrames = 2000;

Graph trivial(Graph graph) {
  for (Node& node : graph.nodes) {
    if (node.op != nullptr) node.op = &kTrivial;
    node.type = {DType::f32, {1}};
    node.weights.clear();
    node.params = {};
    node.epilogue = {};
  }
  return graph;
}

}  // namespace

void bench_overhead(PeerBench& bench) {
  const Graph graph = trivial(engine_net(resnet20_text()).graph);
  const Weights weights = initial_weights(graph, 1);
  const std::vector<PackedWeights> packed = pack_weights(graph, weights);
  Frame frame(graph, 1);
  Trip trip(graph, frame.plan());
  Flow flow(graph, weights, {.in_flight = 1, .threads = 1});
  volatile float seen = 0;
  const FrameSink sink = [&](const FrameResult& result) { seen = result.output(graph.output).data[0]; };
  const auto loop = [&](int) { plain_loop(graph, packed, frame, trip, kFrames, sink); };
  const auto through_flow = [&](int) { flow.run(trivial_source(kFrames), sink); };
  std::vector<PeerCase> cases{{"plain loop", [&](int) { return seconds_a_call(1, 1, loop) / kFrames; }},
                              {"flow", [&](int) { return seconds_a_call(1, 1, through_flow) / kFrames; }}};
  run_rounds(cases, 1, 2 * bench.rounds, 0);
  std::vector<double> differences;
  for (std::size_t i = 0; i < cases[0].samples.size(); ++i)
    differences.push_back(cases[1].samples[i] - cases[0].samples[i]);
  const double overhead = quartiles_of(differences).median;
  const double nodes = static_cast<double>(graph.nodes.size());
  bench.figures["K7.node"] = 1e6 * overhead / nodes;
  bench.figures["K7.share"] = overhead / bench.figures["resnet20.seconds"];
  fmt::print("\nflow: {:.2f} us a frame over a plain loop of the same {} nodes, {:.2f} % of ResNet-20, batch 1\n",
             1e6 * overhead, graph.nodes.size(), 100 * bench.figures["K7.share"]);
}

}  // namespace cleave
