#include "engine/train/sgd.h"

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/train/batch_reader.h"
#include "engine/train/cascade.h"
#include "engine/train/run_checkpoint.h"
#include "ops/core/catalog.h"
#include "tests/support/quarters.h"

namespace cleave {
namespace {

TrainOptions sgd_options(int threads = 1, std::int64_t steps = 20) {
  TrainOptions options = options_for(threads);
  options.algorithm = "sgd";
  options.steps = steps;
  options.sgd = {.learning_rate = 0.1, .momentum = 0.9, .batch = 32};
  return options;
}

// A module with an op of every kind that a module of vectors may hold, behind another.
Graph mixed_modules() {
  return layer_graph({1, 4, 4},
                     {{{{"flatten"}, {"dense", 12}, {"tanh"}}, {{"dense", 4}}},
                      {{{"dense", 10}, {"sigmoid"}, {"batch_norm"}}, {{"dense", 6}, {"relu"}, {"dense", 4}}}});
}

TrainBatch first_batch(const Graph& graph, const Quarters& data) {
  TrainBatch batch;
  BatchReader(graph, data.source(), sgd_options()).next(batch);
  return batch;
}

// The mean loss of the first module on some blocks by the slow way.
double mean_loss(ModuleGradient& gradient, const TrainBatch& batch, const Weights& weights) {
  const std::int64_t blocks[] = {0, 2, 4};  // the last is not full
  return gradient.compute(batch.data, blocks, weights);
}

void expect_slopes_are_differences(const Graph& graph, const char* loss) {
  const Quarters data;
  const TrainBatch batch = first_batch(graph, data);
  Weights weights = initial_weights(graph, 3);
  ModuleGradient gradient(graph, ModuleId{0}, *find(likelihood_catalog(), loss));
  mean_loss(gradient, batch, weights);
  const std::vector<float> slopes(gradient.slopes().begin(), gradient.slopes().end());
  for (const TrainedArray& array : gradient.arrays())
    for (std::int64_t i = 0; i < array.size; i += 1 + array.size / 5) {
      float& value = weights[index_of(array.node)].arrays[array.array][static_cast<std::size_t>(i)];
      const float middle = value, step = 0.01F;
      value = middle + step;
      const double above = mean_loss(gradient, batch, weights);
      value = middle - step;
      const double below = mean_loss(gradient, batch, weights);
      value = middle;
      ASSERT_NEAR(slopes[static_cast<std::size_t>(array.first + i)], (above - below) / 0.02, 2e-3) << loss << " " << i;
    }
}

TEST(ModuleGradient, IsTheSlopeOfTheMeanLoss) {
  const Graph graph = layer_graph(
      {1, 4, 4}, {{{{"flatten"}, {"dense", 9}, {"tanh"}, {"batch_norm"}}, {{"dense", 6}, {"sigmoid"}, {"dense", 4}}}});
  for (const char* loss : {"cross_entropy", "mse", "hinge"}) expect_slopes_are_differences(graph, loss);
}

TEST(ModuleGradient, LeavesOutStatistics) {
  const Graph graph = mixed_modules();
  const ModuleGradient gradient(graph, ModuleId{1}, *find(likelihood_catalog(), "mse"));
  EXPECT_EQ(gradient.arrays().size(), 2U + 2U + 2U + 2U);
}

TEST(Sgd, AStepWithoutMomentumGoesDownTheSlope) {
  const Quarters data;
  const Graph graph = modules_in_a_row(1);
  const TrainBatch batch = first_batch(graph, data);
  TrainOptions options = sgd_options(1, 1);
  options.sgd = {.learning_rate = 0.5, .momentum = 0, .batch = 80};  // all blocks
  const Weights before = initial_weights(graph, 3);
  Weights after = before;
  ModuleGradient gradient(graph, ModuleId{0}, *find(likelihood_catalog(), "cross_entropy"));
  const std::int64_t blocks[] = {0, 1, 2, 3, 4};
  gradient.compute(batch.data, blocks, before);
  ModuleTrainer(graph, ModuleId{0}, options, after).learn(batch);
  const TrainedArray& last = gradient.arrays().back();
  for (std::size_t i = 0; i < static_cast<std::size_t>(last.size); ++i)
    EXPECT_NEAR(after[index_of(last.node)].arrays[last.array][i],
                -0.5F * gradient.slopes()[static_cast<std::size_t>(last.first) + i], 1e-6);
}

struct Trained {
  Weights weights;
  TrainReport report;
};

template <class Train>
Trained trained(const Graph& graph, const TrainOptions& options, Train train_with) {
  Trained result{initial_weights(graph, 3), {}};
  result.report = train_with(graph, result.weights, Quarters().source(), options, TrainHooks{}, nullptr);
  return result;
}

TEST(Sgd, LearnsEveryModule) {
  TrainOptions options = sgd_options(2, 40);
  options.epochs = 5;
  const Trained result = trained(mixed_modules(), options, train);
  for (const ModuleReport& module : result.report.modules) {
    EXPECT_LT(module.loss, 0.2 * 77) << module.name;
    EXPECT_EQ(module.counts, (ChainCounts{.steps = 5 * 3 * 40})) << module.name;
  }
}

TEST(Sgd, WeightsDoNotDependOnThreadsNorOnThePlacement) {
  const Graph graph = mixed_modules();
  const std::string alone = weights_hash(graph, trained(graph, sgd_options(1), train).weights);
  for (const int threads : {2, 4})
    EXPECT_EQ(weights_hash(graph, trained(graph, sgd_options(threads), train).weights), alone) << threads;
  EXPECT_EQ(weights_hash(graph, trained(graph, sgd_options(2), train_cascade).weights), alone);
}

TEST(Sgd, NoGradientLeavesAModule) {
  const Trained one = trained(modules_in_a_row(1), sgd_options(), train);
  const Trained two = trained(modules_in_a_row(2), sgd_options(), train);
  for (std::size_t node = 0; node < one.weights.size(); ++node) EXPECT_EQ(one.weights[node], two.weights[node]);
}

TEST(Sgd, GoesOnFromACheckpointToTheBit) {
  const Graph graph = mixed_modules();
  TrainOptions options = sgd_options();
  RunCheckpoint half;
  TrainHooks hooks;
  hooks.on_checkpoint = [&](const RunCheckpoint& checkpoint, bool) { half = checkpoint; };
  options.epochs = 1;
  Weights weights = initial_weights(graph, 3);
  train(graph, weights, Quarters().source(), options, hooks);
  half.modules[1] = parse_module_checkpoint(to_bytes(half.modules[1]), graph, ModuleId{1});
  options.epochs = 2;
  train(graph, weights, Quarters().source(), options, {}, &half);
  EXPECT_EQ(weights_hash(graph, weights), weights_hash(graph, trained(graph, options, train).weights));
}

TEST(Sgd, AsynchronousCascadesDoIt) {
  TrainOptions options = sgd_options(2);
  options.mode = TrainMode::async;
  options.stop_early = true;
  const Trained result = trained(modules_in_a_row(3), options, train_cascade);
  for (const ModuleReport& module : result.report.modules) EXPECT_GT(module.counts.steps, 0);
}

TEST(Sgd, RunsAwayWithAClearError) {
  TrainOptions options = sgd_options();
  options.sgd.learning_rate = 1e30;
  std::string said;
  try {
    trained(layer_graph({1, 4, 4}, {{{{"flatten"}, {"dense", 8}}, {{"dense", 4}}}}), options, train);
  } catch (const RunError& error) {
    said = error.what();
  }
  for (const char* part : {"module 'm1'", "batch ", "learning rate 1e+30", "lower training.sgd.learning_rate"})
    EXPECT_NE(said.find(part), std::string::npos) << said;
}

std::string refusal(Graph graph, const char* loss = "cross_entropy") {
  graph.loss.name = loss;
  for (Node& node : graph.nodes) node.pos = {"model.yaml", 7, 5};
  try {
    check_trainable(graph, initial_weights(graph, 1), sgd_options());
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Sgd, RefusesWhatHasNoSlope) {
  const auto graph_of = [](const LayerNote& layer) {
    return layer_graph({4}, {{{{"dense", 4}, layer}, {{"dense", 4}}}});
  };
  EXPECT_EQ(refusal(graph_of({"relu"})), "");
  EXPECT_EQ(
      refusal(graph_of({"sign"})),
      "model.yaml:7:5: layer 'sign_2': training.algorithm is sgd, and the op 'sign' has no gradient: take another, "
      "such as relu or tanh, or train by metropolis_hastings");
  EXPECT_NE(refusal(graph_of({"dense", 4, binary_scaled()})).find("weights 'binary"), std::string::npos);
  EXPECT_NE(refusal(graph_of({"relu"}), "zero_one").find("'zero_one' has no gradient"), std::string::npos);
}

}  // namespace
}  // namespace cleave
