#include "engine/mcmc/adapt.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "engine/mcmc/chain.h"
#include "ops/core/catalog.h"
#include "tests/support/layer_graph.h"
#include "tests/support/two_classes.h"

namespace cleave {
namespace {

constexpr double kTarget = 0.234;

Law adapting(double scale) {
  Law walk = law("normal", "scale", scale);
  walk.params.set("adapt.target", kTarget);
  return walk;
}

Graph one_layer(const Law& proposal, const Law& prior = {}, const WeightType& type = {}) {
  return layer_graph({6}, {{{}, {{"dense", 2, type, {prior, proposal, {}}}}}});
}

// A chain on its batch.
struct Runner {
  Graph graph;
  BlockBatch batch = two_classes();
  Weights weights = initial_weights(graph, 1);
  Chain chain;

  Runner(const Graph& of, ChainOptions options)
      : graph(of), chain(graph, ModuleId{0}, *find(likelihood_catalog(), "cross_entropy"), with_seed(options)) {
    chain.set_batch(batch, weights);
  }
  static ChainOptions with_seed(ChainOptions options) {
    options.seed = 1;
    options.stream = kTestStream;
    return options;
  }
  double width() const { return chain.plans()[0].groups[0].proposal_params.real("scale"); }
};

TEST(Adapt, TheAcceptanceRateComesToTheTarget) {
  for (const double start : {0.1, 30.0}) {
    Runner run(one_layer(adapting(start)), {.lambda = 1, .warm_up = 20000});
    run.chain.run(20000);
    const std::int64_t before = run.chain.counts().head_accepted;
    run.chain.run(20000);
    EXPECT_NEAR(static_cast<double>(run.chain.counts().head_accepted - before) / 20000, kTarget, 0.03) << start;
  }
}

TEST(Adapt, ScalesAreFrozenAfterWarmUp) {
  Runner run(one_layer(adapting(0.1)), {.lambda = 1, .warm_up = 100});
  run.chain.run(50);
  const double early = run.width();
  run.chain.run(50);
  const double frozen = run.width();
  run.chain.run(200);
  EXPECT_NE(early, frozen);
  EXPECT_EQ(run.width(), frozen);
}

// Nothing matters, so everything is accepted.
TEST(Adapt, AWidthStaysWithinAHundredTimesTheStatedOne) {
  Runner run(one_layer(adapting(0.1), {"flat", {}}), {.lambda = 0, .warm_up = 5000});
  run.chain.run(5000);
  EXPECT_DOUBLE_EQ(run.width(), 10.0);
}

TEST(Adapt, AWalkOnAGridNeverGetsTooShortToMove) {
  const WeightType type{.grid = WeightType::Grid::quantized, .bits = 4};
  Runner run(one_layer(adapting(5), {}, type), {.lambda = 1e6, .warm_up = 5000});
  run.chain.run(5000);
  EXPECT_GE(run.width(), least_width(run.chain.plans()[0].groups[0]));
}

TEST(Adapt, ScalesAreGivenAndTakenBack) {
  Runner run(one_layer(adapting(0.1)), {.lambda = 1, .warm_up = 500});
  run.chain.run(300);
  const std::vector<double> scales = run.chain.scales();
  ASSERT_EQ(scales, (std::vector<double>{run.width(), 300}));
  Runner other(one_layer(adapting(0.1)), {.lambda = 1, .warm_up = 500});
  EXPECT_TRUE(other.chain.restore({}, 0, 0, scales));
  EXPECT_EQ(other.chain.scales(), scales);
  EXPECT_FALSE(Runner(one_layer({}), {}).chain.restore({}, 0, 0, scales));
}

TEST(Adapt, WithoutWarmUpIsRefused) {
  const Graph graph = one_layer(adapting(0.1));
  const std::vector<LayerPlan> plans = plan_module(graph, ModuleId{0});
  EXPECT_NO_THROW(check_warm_up(plans, graph, 1));
  try {
    check_warm_up(plans, graph, 0);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "layer 'dense_1': the proposal 'normal' adapts its scale in warm-up only, and there is none; state "
                 "training.warm_up, in steps, or remove 'adapt'");
  }
}

TEST(Annealing, TheTemperatureGoesGeometricallyFromStartToEnd) {
  const ChainOptions options{.start_temperature = 100, .end_temperature = 1, .annealed_steps = 1000};
  EXPECT_DOUBLE_EQ(temperature(options, 0), 100);
  EXPECT_DOUBLE_EQ(temperature(options, 500), 10);
  EXPECT_DOUBLE_EQ(temperature(options, 1000), 1);
  EXPECT_DOUBLE_EQ(temperature(options, 5000), 1);
}

TEST(Annealing, LambdaIsDividedByTheTemperature) {
  Runner warm(one_layer({}), {.lambda = 8, .start_temperature = 4, .end_temperature = 4, .annealed_steps = 10});
  Runner plain(one_layer({}), {.lambda = 2});
  warm.chain.run(500);
  plain.chain.run(500);
  EXPECT_EQ(weights_hash(warm.graph, warm.weights), weights_hash(plain.graph, plain.weights));
}

TEST(Annealing, AHotChainAcceptsMore) {
  const Law walk = law("normal", "scale", 1.0);
  Runner hot(one_layer(walk), {.lambda = 100, .start_temperature = 1e4, .end_temperature = 1, .annealed_steps = 2000});
  Runner cold(one_layer(walk), {.lambda = 100});
  hot.chain.run(500);
  cold.chain.run(500);
  EXPECT_GT(hot.chain.counts().head_accepted, 2 * cold.chain.counts().head_accepted);
}

TEST(Annealing, ALambdaThatOverflowsIsRefused) {
  const double most = std::numeric_limits<double>::max();
  EXPECT_THROW(check_lambda({.lambda = 1, .end_temperature = 0}, 1), UserError);
  EXPECT_THROW(check_lambda({.lambda = 1e10, .end_temperature = 1e-300}, 1), UserError);
  EXPECT_NO_THROW(check_lambda({.lambda = most}, 0.5));
  EXPECT_THROW(Runner(one_layer({}), {.lambda = most}), UserError);
}

}  // namespace
}  // namespace cleave
