#include "engine/runtime/evaluate.h"

#include <array>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/engine/runtime/test_graphs.h"

namespace cleave {
namespace {

using namespace testing_ops;

// Input (x, 0). Module "near": head x/2, 15 operations. Module "far": body x/2, head -x/2, 45 operations.
Graph two_modules() {
  Graph graph = input_graph(2);
  const NodeId near_head = add_node(graph, kHalve, {NodeId{0}});
  const NodeId body = add_node(graph, kHalve, {NodeId{0}});
  const NodeId far_head = add_node(graph, kGain, {body});
  graph.modules = {{.name = "near", .input = NodeId{0}, .body = NodeId{0}, .head = near_head},
                   {.name = "far", .input = NodeId{0}, .body = body, .head = far_head}};
  graph.node(near_head).module = ModuleId{0};
  graph.node(body).module = graph.node(far_head).module = ModuleId{1};
  graph.node(near_head).cost = {10, 5, 0};
  graph.node(body).cost = {20, 0, 0};
  graph.node(far_head).cost = {0, 25, 0};
  return graph;
}

// The samples x and their labels; logits of the near head (4, 0), (1, 0), (-4, 0), (-1, 0).
constexpr std::array<float, 4> kX{8, 2, -8, -2};
constexpr std::array<std::int32_t, 4> kLabels{0, 0, 1, 0};

std::int64_t four_samples(std::int64_t seq, const TensorView& input, std::span<std::int32_t> labels) {
  std::int64_t count = 0;
  for (; count < input.batch && seq * input.batch + count < 4; ++count) {
    const auto s = static_cast<std::size_t>(seq * input.batch + count);
    input.sample(count)[0] = kX[s];
    input.sample(count)[1] = 0;
    labels[static_cast<std::size_t>(count)] = kLabels[s];
  }
  return count;
}

Weights minus_one(const Graph& graph) {
  Weights weights = initial_weights(graph, 1);
  weights[3].arrays[0][0] = -1;
  return weights;
}

EvaluateReport evaluate_four(const EvaluateOptions& options, std::vector<Prediction>* predictions = nullptr) {
  const Graph graph = two_modules();
  return evaluate(graph, minus_one(graph), four_samples, options, [&](const Prediction& prediction) {
    if (predictions != nullptr) predictions->push_back(prediction);
  });
}

TEST(Evaluate, ARunnerOfOnesOwnMayHaveAnyNumberOfFramesUnderWay) {
  const Graph graph = two_modules();
  Flow flow(graph, minus_one(graph), {.batch = 1, .in_flight = 4});
  const RunFrames all_at_once = [&](const FrameSource& source, const FrameSink& sink) {
    return flow.run(source, sink);
  };
  const EvaluateOptions options{.flow = {.batch = 1, .in_flight = 1}};  // of no account here
  const EvaluateReport report = evaluate(graph, all_at_once, four_samples, options);
  EXPECT_EQ(report.labelled, 4);
  EXPECT_EQ(report.heads[0].accuracy, evaluate_four({.flow = {.batch = 3}}).heads[0].accuracy);
  EXPECT_EQ(answering_nodes(graph), (std::vector{NodeId{1}, NodeId{3}}));
}

TEST(Evaluate, CountsEveryHead) {
  const EvaluateReport report = evaluate_four({.flow = {.batch = 3, .in_flight = 2, .threads = 2}});
  ASSERT_EQ(report.heads.size(), 2U);
  EXPECT_EQ(report.labelled, 4);
  EXPECT_EQ(report.heads[0].accuracy, 0.75);
  EXPECT_EQ(report.heads[1].accuracy, 0.25);
  const double near_loss = 2 * std::log1p(std::exp(-4.0)) + std::log1p(std::exp(-1.0)) + std::log1p(std::exp(1.0));
  EXPECT_NEAR(report.heads[0].cross_entropy, near_loss / 4, 1e-12);
}

TEST(Evaluate, WithoutEarlyExitTheLastModuleAnswers) {
  const EvaluateReport report = evaluate_four({.confusion = true});
  EXPECT_EQ(report.accuracy, 0.25);
  EXPECT_EQ(report.compute_saved, 0);
  EXPECT_EQ(report.heads[0].left, 0);
  EXPECT_EQ(report.heads[1].left_share, 1);
  EXPECT_EQ(report.confusion, (std::vector<std::int64_t>{1, 2, 1, 0}));  // labels 0 0 1 0, answers 1 1 0 0
}

class EarlyExit : public ::testing::TestWithParam<ExitRule> {};

TEST_P(EarlyExit, SharesAccuracyAndComputeAreThoseCountedByHand) {
  const EvaluateReport report = evaluate_four({.early_exit = GetParam()});
  EXPECT_EQ(report.heads[0].left, 2);
  EXPECT_EQ(report.heads[0].left_share, 0.5);
  EXPECT_EQ(report.heads[0].left_accuracy, 1);
  EXPECT_EQ(report.heads[1].left_accuracy, 0.5);
  EXPECT_EQ(report.accuracy, 0.75);
  EXPECT_EQ(report.compute_saved, 1 - (2 * 15 + 2 * 60) / 240.0);
}

// Probabilities of the near head: 0.982 0.731 0.982 0.731; entropies: 0.09 0.58 0.09 0.58 nats.
INSTANTIATE_TEST_SUITE_P(BothRules, EarlyExit,
                         ::testing::Values(ExitRule{"max_probability", 0.9}, ExitRule{"entropy", 0.2}));

TEST(Evaluate, AModuleMayHaveAThresholdOfItsOwn) {
  EXPECT_EQ(evaluate_four({.early_exit = ExitRule{"max_probability", 0.9, {{"near", 0.7}}}}).heads[0].left, 4);
  EXPECT_EQ(evaluate_four({.early_exit = ExitRule{"max_probability", 0.9, {{"far", 0.7}}}}).heads[0].left, 2);
  EXPECT_EQ(evaluate_four({.early_exit = ExitRule{"entropy", 0.2, {{"near", kNeverLeaves}}}}).heads[0].left, 0);
  EXPECT_EQ(compute_shares(two_modules()), (std::vector<double>{0.25, 1}));
}

TEST(Evaluate, ScoresEveryHeadsCalibration) {
  const Calibration near = evaluate_four({}).heads[0].calibration;
  const double sure = 1 / (1 + std::exp(-4.0)), unsure = 1 / (1 + std::exp(-1.0));
  EXPECT_EQ(near.samples, 4);
  EXPECT_NEAR(near.expected_error(), (2 * (1 - sure) + 2 * std::abs(0.5 - unsure)) / 4, 1e-12);
}

TEST(Evaluate, GivesPredictionsInOrder) {
  std::vector<Prediction> predictions;
  evaluate_four({.flow = {.threads = 2}, .early_exit = ExitRule{"max_probability", 0.9}}, &predictions);
  const auto sure = static_cast<float>(1 / (1 + std::exp(-4.0)));
  const auto unsure = static_cast<float>(1 / (1 + std::exp(-1.0)));
  EXPECT_EQ(predictions, (std::vector<Prediction>{
                             {0, 0, 0, sure, 0}, {1, 0, 1, unsure, 1}, {2, 1, 1, sure, 0}, {3, 0, 0, unsure, 1}}));
}

TEST(Evaluate, UnknownLabelsAreNotCounted) {
  const auto unlabelled = [](std::int64_t seq, const TensorView& input, std::span<std::int32_t> labels) {
    const std::int64_t count = four_samples(seq, input, labels);
    if (seq == 3) labels[0] = -1;
    return count;
  };
  const Graph graph = two_modules();
  const EvaluateReport report = evaluate(graph, minus_one(graph), unlabelled, {});
  EXPECT_EQ(report.run.samples, 4);
  EXPECT_EQ(report.labelled, 3);
  EXPECT_EQ(report.heads[0].accuracy, 1);
}

TEST(Evaluate, RefusesALabelThatIsNoClass) {
  const auto wrong = [](std::int64_t seq, const TensorView& input, std::span<std::int32_t> labels) {
    const std::int64_t count = four_samples(seq, input, labels);
    labels[0] = 2;
    return count;
  };
  const Graph graph = two_modules();
  EXPECT_THROW(evaluate(graph, minus_one(graph), wrong, {}), UserError);
}

TEST(AnswerOf, LargeLogitsDoNotOverflow) {
  const std::array<float, 3> logits{1000, -1000, 999};
  const HeadAnswer answer = answer_of(logits);
  EXPECT_EQ(answer.answer, 0);
  EXPECT_NEAR(answer.probability, 1 / (1 + std::exp(-1.0)), 1e-12);
  EXPECT_NEAR(answer.entropy, 0.582203, 1e-6);  // of (0.731059, 0.268941)
  EXPECT_NEAR(answer.log_normalizer, 1000 + std::log1p(std::exp(-1.0)), 1e-12);
}

TEST(AnswerOf, EqualLogitsHaveTheEntropyOfTheirNumberAndTheFirstAnswers) {
  const std::array<float, 4> logits{7, 7, 7, 7};
  EXPECT_EQ(answer_of(logits).answer, 0);
  EXPECT_NEAR(answer_of(logits).entropy, std::log(4.0), 1e-12);
}

}  // namespace
}  // namespace cleave
