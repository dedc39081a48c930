// What does the flow graph cost? The time of Flow::run beyond that of a plain loop calling the same nodes on the same
// frames, per node and frame: a chain and a ResNet-like graph of 100 nodes that do next to nothing. With two threads
// the time is counted on both of them: what is lost per node, not how long it takes.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/bench.h"
#include "bench/trivial_op.h"

namespace cleave {
namespace {

constexpr std::int64_t kNodes = 100;
constexpr std::int64_t kFrames = 2000;  // of one run
constexpr double kGoalUs = 0.25;

Graph input_graph() {
  Graph graph;
  graph.nodes.resize(1);
  graph.nodes[0].name = "input";
  graph.nodes[0].type.shape = {1};
  graph.output = NodeId{0};
  return graph;
}

void add_trivial(Graph& graph, std::vector<NodeId> inputs) {
  Node node;
  node.name = fmt::format("node_{}", graph.nodes.size());
  node.op = &kTrivial;
  node.inputs = std::move(inputs);
  node.type.shape = {1};
  graph.output = static_cast<NodeId>(graph.nodes.size());
  graph.nodes.push_back(std::move(node));
}

Graph chain() {
  Graph graph = input_graph();
  while (static_cast<std::int64_t>(graph.nodes.size()) < kNodes) add_trivial(graph, {graph.output});
  return graph;
}

// Blocks of three nodes, the last of which adds what the block read.
Graph resnet_like() {
  Graph graph = input_graph();
  while (static_cast<std::int64_t>(graph.nodes.size()) < kNodes) {
    const NodeId skip = graph.output;
    add_trivial(graph, {graph.output});
    add_trivial(graph, {graph.output});
    add_trivial(graph, {graph.output, skip});
  }
  return graph;
}

// Measures one graph on `threads` threads; returns the worst overhead in µs per node and frame.
double measure(const std::string& name, const Graph& graph, int threads, int rounds) {
  const Weights weights = initial_weights(graph, 1);
  const std::vector<PackedWeights> packed = pack_weights(graph, weights);
  Frame frame(graph, 1);
  Trip trip(graph, frame.plan());
  volatile float seen = 0;
  const FrameSink sink = [&](const FrameResult& result) { seen = result.output(graph.output).data[0]; };
  std::vector<BenchCase> cases{{"plain loop", [&] { plain_loop(graph, packed, frame, trip, kFrames, sink); }}};
  std::vector<std::unique_ptr<Flow>> flows;
  for (const std::int64_t in_flight : {1, 8, 64}) {
    flows.push_back(std::make_unique<Flow>(graph, weights, FlowOptions{.in_flight = in_flight, .threads = threads}));
    Flow* flow = flows.back().get();
    cases.push_back({fmt::format("{} in flight", in_flight), [&, flow] { flow->run(trivial_source(kFrames), sink); }});
  }
  run_interleaved(cases, rounds);
  const double visits = static_cast<double>(kFrames) * static_cast<double>(graph.nodes.size());
  double worst = 0;
  for (BenchCase& c : cases) {
    // One frame at a time keeps one thread busy.
    const int busy = &c == &cases[0] || &c == &cases[1] ? 1 : threads;
    for (double& seconds : c.seconds) seconds *= busy;
    const double over = 1e6 * median_difference(c, cases[0]) / visits;
    worst = std::max(worst, over);
    fmt::print("{:12} {} thread{}  {:12}  {:7.1f} ns per node  {:5.2f}x the loop  over it {:7.3f} us per node\n", name,
               threads, threads == 1 ? " " : "s", c.name, 1e9 * median(c.seconds) / visits,
               median(c.seconds) / median(cases[0].seconds), over);
  }
  return worst;
}

}  // namespace
}  // namespace cleave

int main() {
  using namespace cleave;
  constexpr int kRounds = 21;
  double worst = 0;
  for (const int threads : {1, 2}) {
    worst = std::max(worst, measure("chain", chain(), threads, kRounds));
    worst = std::max(worst, measure("resnet-like", resnet_like(), threads, kRounds));
  }
  print_goal("flow overhead per node and frame", worst, "us", kGoalUs);
  return 0;
}
