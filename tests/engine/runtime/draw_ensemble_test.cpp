#include "engine/runtime/draw_ensemble.h"

#include <cmath>

#include <gtest/gtest.h>

#include "engine/runtime/evaluate.h"
#include "graphs/passes.h"
#include "tests/support/quarters.h"

namespace cleave {
namespace {

std::vector<Weights> draws_of(const Graph& graph, std::uint64_t count) {
  std::vector<Weights> draws;
  for (std::uint64_t seed = 1; seed <= count; ++seed) draws.push_back(initial_weights(graph, seed));
  return draws;
}

LabelledSource quarters(const Quarters& data) {
  return [&data, next = std::int64_t{0}](std::int64_t, TensorView input, std::span<std::int32_t> labels) mutable {
    const std::int64_t count = std::min(input.batch, data.images.batch - next);
    for (std::int64_t i = 0; i < count; ++i, ++next) {
      const float* image = data.images.view().sample(next);
      std::copy(image, image + 16, input.sample(i));
      labels[static_cast<std::size_t>(i)] = data.labels[static_cast<std::size_t>(next)];
    }
    return count;
  };
}

EvaluateReport of_draws(const Graph& graph, std::vector<Weights> draws, int threads = 1) {
  const Quarters data;
  DrawEnsemble ensemble = ensemble_of(graph, std::move(draws));
  EXPECT_EQ(check_graph(ensemble.graph), std::vector<std::string>{});
  const EvaluateOptions options{.flow = {.batch = 7, .threads = threads}, .averaged = ensemble.heads};
  return evaluate(ensemble.graph, std::move(ensemble.weights), quarters(data), options);
}

// −log of the mean probability of the right class, by hand: each draw is run by itself.
double mean_loss(const Graph& graph, std::uint64_t count, std::size_t head) {
  const Quarters data;
  std::vector<double> right(data.labels.size(), 0);
  for (const Weights& draw : draws_of(graph, count)) {
    Graph fused = graph;
    Weights weights = draw;
    run_passes(fused, weights);
    const NodeId node = answering_nodes(fused)[head];
    const FrameSource source = [fill = quarters(data)](std::int64_t seq, TensorView input) {
      std::vector<std::int32_t> labels(static_cast<std::size_t>(input.batch));
      return fill(seq, input, labels);
    };
    Flow(fused, weights, {.batch = 230}).run(source, [&](const FrameResult& result) {
      for (std::int64_t i = 0; i < result.count; ++i) {
        const float* logit = result.output(node).sample(i);
        double sum = 0;
        for (int k = 0; k < 4; ++k) sum += std::exp(static_cast<double>(logit[k]));
        const auto s = static_cast<std::size_t>(i);
        right[s] += std::exp(static_cast<double>(logit[data.labels[s]])) / sum / static_cast<double>(count);
      }
    });
  }
  double loss = 0;
  for (const double probability : right) loss -= std::log(probability) / static_cast<double>(right.size());
  return loss;
}

TEST(DrawEnsemble, AveragesTheProbabilitiesOfEveryHead) {
  const Graph graph = three_modules();
  const EvaluateReport report = of_draws(graph, draws_of(graph, 4));
  ASSERT_EQ(report.heads.size(), 3U);
  for (std::size_t head = 0; head < 3; ++head)
    EXPECT_NEAR(report.heads[head].cross_entropy, mean_loss(graph, 4, head), 1e-5);
}

TEST(DrawEnsemble, OfOneDrawIsThatDraw) {
  const Graph graph = three_modules();
  const EvaluateReport report = of_draws(graph, draws_of(graph, 1));
  EXPECT_NEAR(report.heads[2].cross_entropy, mean_loss(graph, 1, 2), 1e-5);
}

TEST(DrawEnsemble, DoesNotDependOnThreads) {
  const Graph graph = three_modules();
  const EvaluateReport one = of_draws(graph, draws_of(graph, 3)), four = of_draws(graph, draws_of(graph, 3), 4);
  EXPECT_EQ(one.heads[1].cross_entropy, four.heads[1].cross_entropy);
  EXPECT_EQ(one.heads[1].calibration.brier(), four.heads[1].calibration.brier());
}

// By Jensen's inequality, as the logarithm is concave.
TEST(DrawEnsemble, LosesLessThanItsDrawsDoInTheMean) {
  const Graph graph = three_modules();
  const std::vector<Weights> draws = draws_of(graph, 5);
  double mean = 0;
  for (const Weights& draw : draws) mean += of_draws(graph, {draw}).heads[2].cross_entropy / 5;
  EXPECT_LT(of_draws(graph, draws).heads[2].cross_entropy, mean);
}

TEST(MeanLogProbabilities, DoNotUnderflow) {
  const std::vector<float> mean = mean_log_probabilities({{0, -5000}, {0, -5000}});
  EXPECT_EQ(mean[0], 0);
  EXPECT_TRUE(std::isfinite(mean[1]));
  EXPECT_NEAR(mean_log_probabilities({{0, -5000}, {-5000, 0}})[1], std::log(0.5), 1e-6);
}

}  // namespace
}  // namespace cleave
