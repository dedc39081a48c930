// How many Metropolis-Hastings steps a CPU second does a module manage, by kind of move, and how much faster is that
// than computing the whole module for each proposal? One thread; random images, half of their pixels black. Every case
// runs three times, in turns; the middle result counts.
#include <algorithm>
#include <array>
#include <ctime>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/bench.h"
#include "engine/mcmc/chain.h"
#include "engine/mcmc/defaults.h"
#include "engine/train/module_trainer.h"
#include "ops/core/catalog.h"
#include "ops/kernels/train_kernels.h"
#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

struct Case {
  std::string name;
  Graph graph;
  std::int64_t batch;
  double pick_body, pick_head;
  std::array<double, 3> steps_per_s{};
  double ratio = 0;
};

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

Graph mlp(const WeightType& type, const char* activation, const Law& select) {
  const LearningRule rule{{}, {}, select};
  return layer_graph({784}, {{{{"dense", 100, type, rule}, {activation}}, {{"dense", 10, {}, rule}}}});
}

BlockBatch random_batch(std::int64_t images) {
  Tensor pixels(images, {784});
  std::vector<std::int32_t> labels;
  Rng rng(1, kTestStream, 0);
  for (float& pixel : pixels.data) pixel = rng.below(2) == 0 ? 0.0F : static_cast<float>(rng.uniform());
  for (std::int64_t i = 0; i < images; ++i) labels.push_back(static_cast<std::int32_t>(rng.below(10)));
  BlockBatch batch;
  fill_batch(batch, static_cast<const Tensor&>(pixels).view(), labels, kLanes);
  return batch;
}

// Measures one case for about a third of a second.
void measure(Case& item, std::size_t round) {
  const BlockBatch batch = random_batch(item.batch);
  Weights weights = initial_weights(item.graph, 1);
  const LikelihoodDef& loss = *find(likelihood_catalog(), "cross_entropy");
  Chain chain(
      item.graph, ModuleId{0}, loss,
      {.lambda = kLambdaPerImage, .pick_body = item.pick_body, .pick_head = item.pick_head, .stream = kTestStream});
  chain.set_batch(batch, weights);
  chain.run(20);
  double start = cpu_seconds();
  std::int64_t steps = 0;
  for (; cpu_seconds() - start < 0.3; steps += 20) chain.run(20);
  item.steps_per_s[round] = static_cast<double>(steps) / (cpu_seconds() - start);
  ModuleState whole(item.graph, ModuleId{0}, loss);
  whole.set_batch(batch, weights);
  start = cpu_seconds();
  std::int64_t evaluations = 0;
  for (; cpu_seconds() - start < 0.1; ++evaluations) whole.refresh();
  item.ratio = item.steps_per_s[round] * (cpu_seconds() - start) / static_cast<double>(evaluations);
}

void run() {
  const WeightType real;
  const Law one;
  const Law row{"one_unit", {}};
  const Law many = law("uniform", "count", std::int64_t{363});
  std::vector<Case> cases;
  for (const std::int64_t batch : {std::int64_t{512}, kBatch}) {
    cases.push_back({"body, one weight", mlp(real, "relu", one), batch, 1, 0});
    cases.push_back({"body, one unit", mlp(real, "relu", row), batch, 1, 0});
    cases.push_back({"body ±1, one flip, relu", mlp(binary_scaled(), "relu", one), batch, 1, 0});
    cases.push_back({"body ±1, one flip, sign", mlp(binary_scaled(), "sign", one), batch, 1, 0});
    cases.push_back({"head, one weight", mlp(real, "relu", one), batch, 0, 1});
    cases.push_back({"head, 363 weights", mlp(real, "relu", many), batch, 0, 1});
  }
  for (std::size_t round = 0; round < 3; ++round)
    for (Case& item : cases) measure(item, round);
  fmt::print("784-100-10, {} kernels, {} lanes, one thread\n", train_kernels().isa_name, kLanes);
  fmt::print("{:26} {:>6} {:>15} {:>22}\n", "move", "batch", "steps a CPU s", "cheaper than the whole");
  double dearest = 0;
  for (Case& item : cases) {
    std::sort(item.steps_per_s.begin(), item.steps_per_s.end());
    fmt::print("{:26} {:>6} {:>15.0f} {:>21.0f}x\n", item.name, item.batch, item.steps_per_s[1], item.ratio);
    dearest = std::max(dearest, 1 / item.ratio);
  }
  print_goal("dearest step, of computing the whole module", dearest, "x", 0.2);
}

// What handing a batch of the paper's cascade on costs the CPU at both ends together: bytes made of it, and it of them.
void run_hand_over() {
  BlockBatch batch;
  resize_batch(batch, {32, 8, 8}, 512, kLanes);
  Rng rng(2, kTestStream, 0);
  for (float& value : batch.values) value = static_cast<float>(rng.normal());
  std::array<BlockBatch, 4> received;
  std::array<std::vector<std::byte>, 4> bytes;
  std::vector<BenchCase> cases;
  for (std::size_t d = 0; d < 4; ++d) {
    const auto dtype = static_cast<DType>(d);
    bytes[d].resize(static_cast<std::size_t>(packed_bytes(batch.shape, dtype, batch.images)));
    cases.push_back({to_text(dtype), [&, d, dtype] {
                       pack_batch(batch, dtype, bytes[d]);
                       unpack_batch(bytes[d], batch.shape, dtype, kLanes, received[d]);
                     }});
  }
  run_interleaved(cases, 21);
  fmt::print("\na batch of 512 images of 32x8x8, packed and unpacked, one thread\n");
  for (std::size_t d = 0; d < 4; ++d)
    fmt::print("{:4} {:>8} bytes {:>8.2f} ms (median {:.2f})\n", cases[d].name, bytes[d].size(),
               1e3 * fastest(cases[d].seconds), 1e3 * median(cases[d].seconds));
  for (std::size_t d = 0; d < 4; ++d)
    print_goal(fmt::format("hand-over of a batch as {}", cases[d].name), 1e3 * fastest(cases[d].seconds), "ms", 5);
}

}  // namespace
}  // namespace cleave

int main() {
  cleave::run();
  cleave::run_hand_over();
}
