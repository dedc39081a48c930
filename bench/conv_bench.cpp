// How near do convolutions come to what a core can do? Per cent of the measured peak of multiply-adds, counted as the
// plain sum needs them: computing outputs in pairs (PairConv) needs two thirds of those. Goals: A, B, C >= 80 %, D >=
// 60 %. Then ResNet-20 from its YAML file. CLEAVE_ISA chooses the instruction set.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/bench.h"
#include "bench/conv_cases.h"
#include "bench/cpu_time.h"
#include "bench/peaks.h"
#include "engine/cli/command.h"
#include "engine/runtime/flow.h"
#include "engine/runtime/run_node.h"
#include "graphs/graph.h"
#include "graphs/passes.h"

namespace cleave {
namespace {

constexpr int kLayers = 8;
constexpr int kRounds = 15;

// The least time of one layer, in seconds on the processor.
double layer_seconds(const ConvShape& shape) {
  ConvChain chain(shape, kLayers);
  chain.run();
  const int calls = std::max(1, static_cast<int>(4e8 / (shape.operations() * kLayers)));
  double least = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const double start = thread_seconds();
    for (int call = 0; call < calls; ++call) chain.run();
    least = std::min(least, (thread_seconds() - start) / calls / kLayers);
  }
  return least;
}

void print_shape(const ConvShape& shape, double peak, double goal) {
  const double rate = shape.operations() / layer_seconds(shape);
  fmt::print("  {:<15} {:>3}x{:<3} {:>4} -> {:<4} {:>2}x{:<2} /{}  {:7.1f} GFLOP/s  {:5.1f} % of peak", shape.name,
             shape.size, shape.size, shape.inputs, shape.filters, shape.kernel, shape.kernel, shape.stride, 1e-9 * rate,
             100 * rate / peak);
  if (goal > 0) fmt::print("  (goal >= {:g}): {}", goal, 100 * rate / peak >= goal ? "met" : "missed");
  fmt::print("\n");
}

struct ResNet {
  Graph graph;
  Weights weights;
};

ResNet resnet20() {
  Model model = load_model(CLEAVE_SOURCE_DIR "/graphs/models/resnet20-split.yaml", cleave_language());
  ResNet net{model.graph, initial_weights(model.graph, 1)};
  run_passes(net.graph, net.weights);
  return net;
}

// Images per second of a plain loop over the nodes, `batch` at a time.
void print_resnet(const ResNet& net, std::int64_t batch) {
  const std::vector<PackedWeights> packed = pack_weights(net.graph, net.weights);
  const std::vector<NodeId> kept = {net.graph.output};
  const MemoryPlan plan = plan_memory(net.graph, {.batch = batch, .kept = &kept});
  Frame frame(net.graph, plan);
  Trip trip(net.graph, plan);
  frame.count = batch;
  const TensorView input = frame.whole_slot(NodeId{0});
  const std::vector<float> image = random_floats(batch * input.sample_size(), 1, 9);
  std::copy(image.begin(), image.end(), input.data);
  const int calls = static_cast<int>(std::max<std::int64_t>(1, 100 / batch));
  double least = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const double start = thread_seconds();
    for (int call = 0; call < calls; ++call) run_graph(net.graph, packed, frame, trip);
    least = std::min(least, (thread_seconds() - start) / static_cast<double>(calls * batch));
  }
  fmt::print("  ResNet-20, batch {:<4} {:8.0f} images/s, {:.1f} KiB of activations\n", batch, 1 / least,
             static_cast<double>(plan.bytes(1, 1)) / 1024);
}

}  // namespace

int main_of_bench() {
  const double peak = measured_peak(chosen_isa());
  fmt::print("{}: {:.1f} GFLOP/s at most, one thread\n", to_text(chosen_isa()), 1e-9 * peak);
  for (const ConvShape& shape : kFigureShapes) print_shape(shape, peak, std::strcmp(shape.name, "D") == 0 ? 60 : 80);
  for (const ConvShape& shape : kOtherShapes) print_shape(shape, peak, 0);
  const ResNet net = resnet20();
  print_resnet(net, 1);
  print_resnet(net, 128);
  return 0;
}

}  // namespace cleave

int main() { return cleave::main_of_bench(); }
