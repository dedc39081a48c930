// What does a Metropolis-Hastings step of a convolutional module cost? First the kernels by themselves (K6): one filter
// of a convolution against the whole layer, one weight of a dense head against images stored row by row. Then the
// modules of the cascade of paper 000 at batch 512: steps a CPU second, set_batch included, for N steps a batch. One
// thread; the middle of three rounds counts.
#include <algorithm>
#include <array>
#include <ctime>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/bench.h"
#include "engine/mcmc/chain.h"
#include "ops/core/catalog.h"
#include "ops/kernels/train_kernels.h"
#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

constexpr std::int64_t kImages = 512;
constexpr std::int64_t kBlockLanes = 16;
constexpr std::int64_t kBlocks = kImages / kBlockLanes;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

std::vector<float> random_numbers(std::int64_t count) {
  Rng rng(1, kTestStream, 0);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(rng.uniform() - 0.5);
  return values;
}

struct Shape2 {
  const char* name;
  std::int64_t channels, filters, size, kernel, stride, padding;
};

// The products of a layer and batch that are not with the padding's zeros.
double products(const Shape2& s, const PlaneWindows& w) {
  double cells = 0;
  for (std::int64_t y = 0; y < w.out_rows; ++y)
    for (std::int64_t k = 0; k < s.kernel; ++k)
      cells += y * s.stride - s.padding + k >= 0 && y * s.stride - s.padding + k < s.size ? 1 : 0;
  return cells * cells * static_cast<double>(s.channels * s.filters * kImages);
}

void run_layer(const Shape2& s) {
  const std::int64_t out = (s.size + 2 * s.padding - s.kernel) / s.stride + 1;
  const PlaneWindows windows{s.size, s.size, out, out, s.kernel, s.stride, s.padding, s.padding, kBlockLanes};
  const std::int64_t plane = s.size * s.size * kBlockLanes;
  const std::vector<float> input = random_numbers(kBlocks * s.channels * plane);
  const std::vector<float> weights = random_numbers(s.filters * s.channels * s.kernel * s.kernel);
  std::vector<float> output(static_cast<std::size_t>(kBlocks * s.filters * out * out * kBlockLanes));
  const auto convolve = [&](std::int64_t filters) {
    for (std::int64_t b = 0; b < kBlocks; ++b) {
      std::vector<const float*> inputs, kernels;
      std::vector<float*> outputs;
      for (std::int64_t c = 0; c < s.channels; ++c) inputs.push_back(input.data() + (b * s.channels + c) * plane);
      for (std::int64_t f = 0; f < filters; ++f) {
        kernels.push_back(weights.data() + f * s.channels * s.kernel * s.kernel);
        outputs.push_back(output.data() + (b * s.filters + f) * out * out * kBlockLanes);
      }
      train_kernels().convolve(
          {windows, inputs.data(), nullptr, s.channels, kernels.data(), outputs.data(), filters, false});
    }
  };
  std::vector<BenchCase> cases;
  cases.push_back({"one filter", [&] { convolve(1); }});
  cases.push_back({"whole layer", [&] { convolve(s.filters); }});
  run_interleaved(cases, 9, 0.02);
  const double one = median(cases[0].seconds);
  const double all = median(cases[1].seconds);
  fmt::print("{:28} one filter {:8.3f} ms, layer {:8.3f} ms = {:5.1f} GFLOP/s; {:.1f}x (K6: >= 7x)\n", s.name,
             1e3 * one, 1e3 * all, 2e-9 * products(s, windows) / all, all / one);
}

// One weight of a head of ten classes: a feature times a difference is added to the logits of a class.
void run_head(std::int64_t features) {
  const std::vector<float> values = random_numbers(features * kImages);
  std::vector<float> logits(10 * kImages);
  std::int64_t turn = 0;
  std::vector<BenchCase> cases;
  cases.push_back({"blocks of images", [&] {
                     const std::int64_t feature = ++turn * 7919 % features;
                     for (std::int64_t b = 0; b < kBlocks; ++b) {
                       float* to = logits.data() + (b * 10 + turn % 10) * kBlockLanes;
                       train_kernels().add_scaled(to, to, values.data() + (b * features + feature) * kBlockLanes, 1e-3F,
                                                  kBlockLanes);
                     }
                   }});
  cases.push_back({"rows of 256 images", [&] {
                     const std::int64_t feature = ++turn * 7919 % features;
                     for (std::int64_t b = 0; b < 2; ++b) {
                       float* to = logits.data() + (b * 10 + turn % 10) * 256;
                       train_kernels().add_scaled(to, to, values.data() + (b * features + feature) * 256, 1e-3F, 256);
                     }
                   }});
  cases.push_back({"row by row", [&] {
                     const std::int64_t feature = ++turn * 7919 % features;
                     for (std::int64_t i = 0; i < kImages; ++i)
                       logits[static_cast<std::size_t>(10 * i + turn % 10)] +=
                           1e-3F * values[static_cast<std::size_t>(i * features + feature)];
                   }});
  run_interleaved(cases, 15, 0.005);
  const double rows = median(cases[2].seconds);
  for (const BenchCase& c : cases)
    fmt::print("head delta, {:5} features, {:18} {:7.0f} ns, {:.1f}x row by row\n", features, c.name,
               1e9 * median(c.seconds), rows / median(c.seconds));
}

struct Moves {
  std::string name;
  Graph graph;
  std::int64_t steps;  // of a batch
  double authors;      // steps a CPU second of their PyTorch code on this task (mcmc.md)
  double goal;         // times that
  std::array<double, 3> steps_per_s{};
};

// Laws of the paper: Cauchy proposals of scale 3.16e-4, Cauchy priors of scale 0.0316.
LearningRule paper_rule(const Law& select) {
  const auto cauchy = [](double scale) {
    Law law{"student_t", {}};
    law.params.set("df", 1.0);
    law.params.set("scale", scale);
    return law;
  };
  return {cauchy(0.0316), cauchy(3.16e-4), select};
}

Graph module_one(const Law& body, const Law& head) {
  return layer_graph({3, 32, 32}, {{{conv_note(32, 11, 3, 0, {}, paper_rule(body))},
                                    {{"relu"}, {"flatten"}, {"dense", 10, {}, paper_rule(head)}}}});
}

Graph module_two(const Law& body, const Law& head) {
  return layer_graph({32, 8, 8}, {{{{"relu"}, conv_note(32, 11, 1, 5, {}, paper_rule(body))},
                                   {{"relu"}, {"flatten"}, {"dense", 10, {}, paper_rule(head)}}}});
}

BlockBatch random_batch(const Graph& graph) {
  Tensor pixels(kImages, graph.nodes.front().type.shape);
  pixels.data = random_numbers(static_cast<std::int64_t>(pixels.data.size()));
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < kImages; ++i) labels.push_back(static_cast<std::int32_t>(i % 10));
  BlockBatch batch;
  fill_batch(batch, static_cast<const Tensor&>(pixels).view(), labels, lanes_for(graph));
  return batch;
}

// λ = 1e5 on the mean loss.
void measure(Moves& moves, std::size_t round) {
  const BlockBatch batch = random_batch(moves.graph);
  Weights weights = initial_weights(moves.graph, 1);
  Chain chain(moves.graph, ModuleId{0}, *find(likelihood_catalog(), "cross_entropy"),
              {.lambda = 1e5, .mean = true, .stream = kTestStream});
  chain.set_batch(batch, weights);
  const double start = cpu_seconds();
  std::int64_t steps = 0;
  for (; cpu_seconds() - start < 0.4; steps += moves.steps) {
    chain.set_batch(batch, weights);
    chain.run(moves.steps);
  }
  moves.steps_per_s[round] = static_cast<double>(steps) / (cpu_seconds() - start);
}

void run_moves() {
  const Law filter{"one_filter", {}};
  const Law many = law("uniform", "count", std::int64_t{363});
  const Law one = law("uniform", "count", std::int64_t{1});
  std::vector<Moves> all;
  for (const std::int64_t n : {std::int64_t{10}, std::int64_t{200}}) {
    all.push_back({"module 1, filter / 363", module_one(filter, many), n, 57, n == 10 ? 18.0 : 50.0});
    all.push_back({"module 1, one weight", module_one(one, one), n, 66, n == 10 ? 0.0 : 150.0});
    all.push_back({"modules 2-4, filter / 363", module_two(filter, many), n, 16, n == 10 ? 15.0 : 60.0});
    all.push_back({"modules 2-4, one weight", module_two(one, one), n, 16, 0});
  }
  for (std::size_t round = 0; round < 3; ++round)
    for (Moves& moves : all) measure(moves, round);
  fmt::print(
      "\nbatch {}, {} kernels, {} lanes, one thread; authors: their PyTorch code, one thread, as measured for "
      "mcmc.md\n",
      kImages, train_kernels().isa_name, lanes_for(all.front().graph));
  for (Moves& moves : all) {
    std::sort(moves.steps_per_s.begin(), moves.steps_per_s.end());
    fmt::print("{:26} N = {:3} {:>9.0f} steps a CPU s, {:6.1f}x the authors'{}\n", moves.name, moves.steps,
               moves.steps_per_s[1], moves.steps_per_s[1] / moves.authors,
               moves.goal > 0 ? fmt::format(" (goal >= {:g}x)", moves.goal) : std::string());
  }
}

}  // namespace
}  // namespace cleave

int main() {
  cleave::run_layer({"32->32 11x11 on 8x8", 32, 32, 8, 11, 1, 5});
  cleave::run_layer({"3->32 11x11 / 3 on 32x32", 3, 32, 32, 11, 3, 0});
  cleave::run_layer({"3->32 3x3 on 32x32", 3, 32, 32, 3, 1, 1});
  cleave::run_layer({"32->32 3x3 on 16x16", 32, 32, 16, 3, 1, 1});
  cleave::run_layer({"32->32 3x3 on 8x8", 32, 32, 8, 3, 1, 1});
  cleave::run_head(2048);
  cleave::run_head(16384);
  cleave::run_moves();
}
