#include "engine/mcmc/step.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "engine/mcmc/chain.h"
#include "ops/core/catalog.h"
#include "tests/support/layer_graph.h"
#include "tests/support/two_classes.h"

namespace cleave {
namespace {

const LikelihoodDef& cross_entropy() { return *find(likelihood_catalog(), "cross_entropy"); }

TEST(AcceptanceRatio, AWorseLossIsAcceptedLess) {
  EXPECT_LT(log_acceptance_ratio(2, 1.5, 0, 0), 0);
  EXPECT_EQ(log_acceptance_ratio(2, 1.5, 0, 0), -3);
  EXPECT_GT(log_acceptance_ratio(2, -1.5, 0, 0), 0);
}

TEST(AcceptanceRatio, ALikelierPriorAndAWayBackAreAcceptedMore) {
  EXPECT_EQ(log_acceptance_ratio(2, 0, 0.5, 0), 0.5);
  EXPECT_EQ(log_acceptance_ratio(2, 0, 0, 0.25), 0.25);
}

TEST(Step, ALossThatIsNotANumberIsRejectedAndCounted) {
  const Graph graph = layer_graph({6}, {{{}, {{"dense", 2, {}, {{}, law("normal", "scale", 1e30), {}}}}}});
  Weights weights = initial_weights(graph, 1);
  weights[1].arrays[0].assign(12, 1e38F);
  const Weights before = weights;
  const BlockBatch batch = two_classes();
  Chain chain(graph, ModuleId{0}, cross_entropy(), {.lambda = 1, .seed = 1, .stream = kTestStream});
  chain.set_batch(batch, weights);
  chain.run(50);
  EXPECT_EQ(chain.counts().not_finite, 50);
  EXPECT_EQ(weights, before);
}

TEST(Step, AWeightOutsideThePriorsSupportIsRejected) {
  const Graph graph = layer_graph({6}, {{{}, {{"dense", 2, {}, {{"uniform", {}}, law("normal", "scale", 5.0), {}}}}}});
  Weights weights = initial_weights(graph, 1);
  weights[1].arrays[0].assign(12, 0.5F);
  const BlockBatch batch = two_classes();
  Chain chain(graph, ModuleId{0}, cross_entropy(), {.lambda = 0, .seed = 1, .stream = kTestStream});
  chain.set_batch(batch, weights);
  chain.run(500);
  for (const float w : weights[1].arrays[0]) EXPECT_LE(std::abs(w), 1.0F);
  EXPECT_GT(chain.counts().head_accepted, 10);
  EXPECT_EQ(chain.counts().not_finite, 0);
}

// A sign layer hides an infinite weight from the loss, and a flat prior does not mind it.
TEST(Step, AWeightThatIsNotFiniteIsRejected) {
  const LearningRule wild{{"flat", {}}, law("student_t", "df", 0.01), {}};
  const Graph graph = layer_graph({6}, {{{{"dense", 5, {}, wild}, {"sign"}}, {{"dense", 2}}}});
  Weights weights = initial_weights(graph, 1);
  const BlockBatch batch = two_classes();
  Chain chain(graph, ModuleId{0}, cross_entropy(), {.lambda = 0, .seed = 1, .stream = kTestStream});
  chain.set_batch(batch, weights);
  chain.run(500);
  EXPECT_GT(chain.counts().body_accepted, 10);
  for (const float w : weights[1].arrays[0]) EXPECT_TRUE(std::isfinite(w));
}

TEST(Step, TheLogPriorIsKeptUpToDate) {
  const LearningRule rule{law("student_t", "scale", 0.3), {}, law("uniform", "count", std::int64_t{3})};
  const Graph graph = layer_graph({6}, {{{{"dense", 5, binary_scaled(), rule}, {"sign"}}, {{"dense", 2, {}, rule}}}});
  Weights weights = initial_weights(graph, 1);
  const BlockBatch batch = two_classes();
  Chain chain(graph, ModuleId{0}, cross_entropy(), {.lambda = 0.1, .seed = 1, .stream = kTestStream});
  chain.set_batch(batch, weights);
  const double start = chain.log_prior();
  chain.run(5000);
  EXPECT_GT(std::abs(chain.log_prior() - start), 0.1);
  EXPECT_NEAR(chain.log_prior(), log_prior(chain.plans(), graph, weights), 1e-6);
}

TEST(Step, PickSaysHowOftenBodyAndHeadAreProposed) {
  const Graph graph = layer_graph({6}, {{{{"dense", 5}}, {{"dense", 2}}}});
  Weights weights = initial_weights(graph, 1);
  const BlockBatch batch = two_classes();
  Chain chain(graph, ModuleId{0}, cross_entropy(),
              {.lambda = 1, .pick_body = 3, .pick_head = 1, .seed = 1, .stream = kTestStream});
  chain.set_batch(batch, weights);
  chain.run(4000);
  EXPECT_NEAR(static_cast<double>(chain.counts().body_steps) / 4000, 0.75, 0.03);
}

TEST(Step, AColdChainLowersTheLoss) {
  const Graph graph = layer_graph({6}, {{{{"dense", 5}, {"relu"}}, {{"dense", 2}}}});
  Weights weights = initial_weights(graph, 1);
  const BlockBatch batch = two_classes();
  Chain chain(graph, ModuleId{0}, cross_entropy(), {.lambda = 100, .seed = 1, .stream = kTestStream});
  chain.set_batch(batch, weights);
  const double before = chain.loss();
  chain.run(3000);
  EXPECT_LT(chain.loss(), 0.5 * before);
}

TEST(Step, MeanAndSumAreTheSameChainWhenLambdaIsScaledByTheBatch) {
  const Graph graph = layer_graph({6}, {{{{"dense", 5}, {"relu"}}, {{"dense", 2}}}});
  const BlockBatch batch = two_classes();
  std::vector<std::string> hashes;
  for (const bool mean : {false, true}) {
    Weights weights = initial_weights(graph, 1);
    Chain chain(graph, ModuleId{0}, cross_entropy(),
                {.lambda = mean ? 80.0 : 2.0, .mean = mean, .seed = 1, .stream = kTestStream});
    chain.set_batch(batch, weights);
    chain.run(500);
    hashes.push_back(weights_hash(graph, weights));
  }
  EXPECT_EQ(hashes[0], hashes[1]);
}

// Does one step of the scale walk under a prior, without data.
void walk_scale(const WeightGroup& group, float& scale, Rng& rng) {
  float next = scale;
  const ProposalArgs args{group.proposal_params, group.prior, {&scale, 1}, {&next, 1}};
  const double q_ratio = scale_walk().propose(args, rng);
  const double prior = group_log_shape(group, {&next, 1}) - group_log_shape(group, {&scale, 1});
  if (std::log(rng.uniform()) < log_acceptance_ratio(0, 0, prior, q_ratio)) scale = next;
}

// The prior folded at zero has the mean sqrt(2/π).
TEST(Step, TheScaleWalkKeepsThePriorOfScales) {
  WeightGroup group;
  group.positive = true;
  group.prior = make_prior(*find(prior_catalog(), "normal"), law("normal", "scale", 1.0).params);
  group.proposal_params.set("scale", 1.5);
  float scale = 1;
  double sum = 0;
  for (std::uint64_t i = 0; i < 400000; ++i) {
    Rng rng(9, kTestStream, i);
    walk_scale(group, scale, rng);
    sum += static_cast<double>(scale);
  }
  EXPECT_NEAR(sum / 400000, std::sqrt(2 / M_PI), 0.01);
}

}  // namespace
}  // namespace cleave
