// T1 of mcmc.md: how many Metropolis-Hastings steps a CPU second does a module manage, against a script in PyTorch that
// computes everything for each proposal (train_peer.py; python3-torch, left out with a message where it is absent)? One
// thread each, batches of 512 random images, a new one every N steps; ours and theirs in turns, medians of the ratios.
#include <array>
#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "bench/bench.h"
#include "bench/peer.h"
#include "engine/cli/command.h"
#include "engine/mcmc/chain.h"
#include "engine/train/module_trainer.h"
#include "ops/core/catalog.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {
namespace {

constexpr std::int64_t kImages = 512;
constexpr int kRounds = 3;

// The paper's kernel: one filter (unit) of the body or 363 weights of the head, each with p = 1/2.
constexpr const char* kRows = R"(
  prior: {student_t: {df: 1, scale: 0.0316}}
  proposal: {student_t: {df: 1, scale: 3.16e-4}}
  select: {conv2d: one_filter, dense: {uniform: 363}})";
constexpr const char* kUnits = R"(
  prior: {student_t: {df: 1, scale: 0.0316}}
  proposal: {student_t: {df: 1, scale: 3.16e-4}}
  select: one_unit)";
constexpr const char* kOne = R"(
  prior: {student_t: {df: 1, scale: 0.0316}}
  proposal: {student_t: {df: 1, scale: 3.16e-4}}
  select: {uniform: 1})";
constexpr const char* kFlip = R"(
  weights: {binary: [-1, 1], scale: per_filter}
  proposal: {flip: {count: 1}}
  select: {uniform: 1})";

constexpr const char* kMlp = "[flatten, {dense: {units: 100}}, relu]";
constexpr const char* kModule1 = "[{conv2d: {filters: 32, kernel: 11, stride: 3}}]";
constexpr const char* kModule2 = "[relu, {conv2d: {filters: 32, kernel: 11, padding: 5}}]";

struct Case {
  const char* name;
  const char* peer;  // its name there
  const char* input;
  const char* body;
  const char* head;
  const char* laws;
  double pick_body;
  std::int64_t steps;  // on each batch
  double goal;
  std::array<double, kRounds> ours{}, theirs{};
};

constexpr const char* kMlpHead = "[{dense: {units: 10}, select: {uniform: 363}}]";
constexpr const char* kHead = "[relu, flatten, {dense: {units: 10}}]";

std::vector<Case> cases() {
  return {
      {"module 1, filter / 363", "module1", "[3, 32, 32]", kModule1, kHead, kRows, 0.5, 10, 18},
      {"module 1, filter / 363", "module1", "[3, 32, 32]", kModule1, kHead, kRows, 0.5, 200, 50},
      {"module 1, one weight", "module1_one", "[3, 32, 32]", kModule1, kHead, kOne, 1, 200, 150},
      {"modules 2-4, filter / 363", "module2", "[32, 8, 8]", kModule2, kHead, kRows, 0.5, 10, 15},
      {"modules 2-4, filter / 363", "module2", "[32, 8, 8]", kModule2, kHead, kRows, 0.5, 200, 60},
      {"MLP, row / 363", "mlp", "[1, 28, 28]", kMlp, kMlpHead, kUnits, 0.5, 10, 25},
      {"MLP, row / 363", "mlp", "[1, 28, 28]", kMlp, kMlpHead, kUnits, 0.5, 200, 50},
      {"MLP, one weight", "mlp_one", "[1, 28, 28]", kMlp, "[{dense: {units: 10}}]", kOne, 1, 200, 1000},
      {"MLP ±1, one flip", "mlp_flip", "[1, 28, 28]", kMlp, "[{dense: {units: 10}, weights: real, proposal: normal}]",
       kFlip, 1, 200, 1000},
  };
}

Model model_of(const Case& item) {
  const std::string text = fmt::format(
      "version: 1\nnetwork:\n  input: {{image: {}}}\n  loss: {{cross_entropy: {{reduce: mean}}}}{}\n  modules:\n"
      "    - {{name: m, body: {}, head: {}}}\n",
      item.input, item.laws, item.body, item.head);
  return load_model_text("bench.yaml", text);
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

BlockBatch random_batch(const Graph& graph, std::uint32_t number) {
  const Shape& shape = graph.node(graph.modules.front().input).type.shape;
  Tensor pixels(kImages, shape);
  std::vector<std::int32_t> labels;
  Rng rng(1, kTestStream, number);
  for (float& pixel : pixels.data) pixel = static_cast<float>(rng.uniform());
  for (std::int64_t i = 0; i < kImages; ++i) labels.push_back(static_cast<std::int32_t>(rng.below(10)));
  BlockBatch batch;
  fill_batch(batch, static_cast<const Tensor&>(pixels).view(), labels, lanes_for(graph));
  return batch;
}

// Returns the steps a CPU second.
double measure(const Case& item) {
  const Model model = model_of(item);
  const Graph& graph = model.graph;
  Weights weights = initial_weights(graph, 1);
  Chain chain(graph, ModuleId{0}, *find(likelihood_catalog(), "cross_entropy"),
              {.lambda = 1e5,
               .mean = true,
               .pick_body = item.pick_body,
               .pick_head = 1 - item.pick_body,
               .stream = kTestStream});
  const std::array<BlockBatch, 2> batches = {random_batch(graph, 0), random_batch(graph, 1)};
  chain.set_batch(batches[0], weights);
  chain.run(item.steps);
  const double start = cpu_seconds();
  std::int64_t done = 0;
  for (std::size_t b = 0; cpu_seconds() - start < 0.5; ++b, done += item.steps) {
    chain.set_batch(batches[b % 2], weights);
    chain.run(item.steps);
  }
  return static_cast<double>(done) / (cpu_seconds() - start);
}

void run() {
  std::vector<Case> all = cases();
  std::optional<Peer> peer = start_peer("train_peer.py");
  for (std::size_t round = 0; round < kRounds; ++round)
    for (Case& item : all) {
      item.ours[round] = measure(item);
      if (peer) item.theirs[round] = peer->ask(fmt::format("{} {} 1", item.peer, item.steps));
    }
  fmt::print("{} kernels, batch {}, λ 1e5 on the mean loss, one thread, {} rounds\n", train_kernels().isa_name, kImages,
             kRounds);
  fmt::print("{:26} {:>4} {:>13} {:>14} {:>9}\n", "move", "N", "steps a CPU s", "PyTorch's", "ratio");
  for (const Case& item : all) {
    std::vector<double> ratios;
    for (std::size_t r = 0; r < kRounds; ++r) ratios.push_back(item.ours[r] / item.theirs[r]);
    const double ours = median({item.ours.begin(), item.ours.end()});
    if (!peer) fmt::print("{:26} {:>4} {:>13.0f}\n", item.name, item.steps, ours);
    else
      fmt::print("{:26} {:>4} {:>13.0f} {:>14.0f} {:>8.0f}x (goal >= {:.0f}x): {}\n", item.name, item.steps, ours,
                 median({item.theirs.begin(), item.theirs.end()}), median(ratios), item.goal,
                 median(ratios) >= item.goal ? "met" : "missed");
  }
}

// T2: what handing a batch of the paper's cascade on costs the CPU at both ends together: bytes made of it, and it of
// them.
void run_hand_over() {
  BlockBatch batch;
  resize_batch(batch, {32, 8, 8}, kImages, kImageLanes);
  Rng rng(2, kTestStream, 0);
  for (float& value : batch.values) value = static_cast<float>(rng.normal());
  std::array<BlockBatch, 4> received;
  std::array<std::vector<std::byte>, 4> bytes;
  std::vector<BenchCase> hand_overs;
  for (std::size_t d = 0; d < 4; ++d) {
    const auto dtype = static_cast<DType>(d);
    bytes[d].resize(static_cast<std::size_t>(packed_bytes(batch.shape, dtype, batch.images)));
    hand_overs.push_back({to_text(dtype), [&, d, dtype] {
                            pack_batch(batch, dtype, bytes[d]);
                            unpack_batch(bytes[d], batch.shape, dtype, kImageLanes, received[d]);
                          }});
  }
  run_interleaved(hand_overs, 21);
  fmt::print("\na batch of {} images of 32x8x8, packed and unpacked, one thread\n", kImages);
  for (std::size_t d = 0; d < 4; ++d)
    print_goal(fmt::format("hand-over of a batch as {}, {} bytes", hand_overs[d].name, bytes[d].size()),
               1e3 * median(hand_overs[d].seconds), "ms", 5);
}

}  // namespace
}  // namespace cleave

int main() {
  cleave::run();
  cleave::run_hand_over();
}
