#include <algorithm>
#include <limits>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "engine/mcmc/layer_plan.h"
#include "engine/mcmc/weight_blocks.h"
#include "ops/core/catalog.h"
#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

const SelectorDef& selector(const char* name) { return *find(selector_catalog(), name); }

// Returns the message of the error that planning a dense layer under this rule ends in.
std::string refusal(const WeightType& type, const LearningRule& rule) {
  try {
    plan_layer(layer_graph({3}, {{{}, {{"dense", 2, type, rule}}}}), NodeId{1});
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

WeightType signs() { return {.grid = WeightType::Grid::sign, .bits = 1}; }

std::vector<WeightSlot> slots() {
  return {{"weight", Role::kernel, {4, 3}, 0}, {"scale", Role::scale, {4}, 1}, {"bias", Role::bias, {4}, 0}};
}

TEST(Selectors, ReturnDistinctWeightsInOrder) {
  const std::vector<std::int32_t> arrays = {0, 2};
  Params params;
  params.set("count", std::int64_t{7});
  params.set("rows", std::int64_t{3});
  params.set("cols", std::int64_t{2});
  for (const SelectorDef& def : selector_catalog())
    for (std::uint64_t i = 0; def.runs() && i < 200; ++i) {
      Rng rng(1, kTestStream, i);
      const std::vector<WeightRef> refs = def.select({params, slots(), arrays}, rng);
      ASSERT_FALSE(refs.empty());
      for (std::size_t k = 1; k < refs.size(); ++k) ASSERT_LT(refs[k - 1], refs[k]) << def.name;
      for (const WeightRef& ref : refs) ASSERT_LT(ref.index, ref.array == 0 ? 12 : 4);
    }
}

TEST(Selectors, OneFilterTakesItsRowAndItsBias) {
  Rng rng(1, kTestStream, 0);
  const std::vector<std::int32_t> arrays = {0, 2};
  const std::vector<WeightRef> refs = selector("one_filter").select({{}, slots(), arrays}, rng);
  ASSERT_EQ(refs.size(), 4U);
  EXPECT_EQ(refs[0].index / 3, refs[2].index / 3);
  EXPECT_EQ(refs[3], (WeightRef{2, refs[0].index / 3}));
}

TEST(Selectors, UniformPicksEveryWeightAlike) {
  const std::vector<std::int32_t> arrays = {0, 2};
  Params params;
  params.set("count", std::int64_t{4});
  std::vector<int> seen(16);
  for (std::uint64_t i = 0; i < 16000; ++i) {
    Rng rng(1, kTestStream, i);
    for (const WeightRef& ref : selector("uniform").select({params, slots(), arrays}, rng))
      ++seen[static_cast<std::size_t>(ref.array == 0 ? ref.index : 12 + ref.index)];
  }
  for (const int count : seen) EXPECT_NEAR(count, 4000, 250);
}

Params rectangle(std::int64_t rows, std::int64_t cols) {
  Params params;
  params.set("rows", rows);
  params.set("cols", cols);
  return params;
}

// Four filters of three weights and a bias: a matrix of 4 × 4, in which 5 · 5 corners overlap a block of 2 × 2.
TEST(Selectors, BlockPicksEveryWeightAlike) {
  const std::vector<std::int32_t> arrays = {0, 2};
  std::vector<int> seen(16);
  for (std::uint64_t i = 0; i < 25000; ++i) {
    Rng rng(1, kTestStream, i);
    for (const WeightRef& ref : selector("block").select({rectangle(2, 2), slots(), arrays}, rng))
      ++seen[static_cast<std::size_t>(ref.array == 0 ? ref.index : 12 + ref.index)];
  }
  for (const int count : seen) EXPECT_NEAR(count, 4000, 250);
}

TEST(Selectors, ABlockIsARectangleOfTheMatrix) {
  const std::vector<std::int32_t> arrays = {0, 2};
  for (std::uint64_t i = 0; i < 100; ++i) {
    Rng rng(1, kTestStream, i);
    std::set<std::int64_t> rows, cols;
    const std::vector<WeightRef> refs = selector("block").select({rectangle(3, 2), slots(), arrays}, rng);
    for (const WeightRef& ref : refs) {
      rows.insert(ref.array == 0 ? ref.index / 3 : ref.index);
      cols.insert(ref.array == 0 ? ref.index % 3 : 3);
    }
    EXPECT_EQ(refs.size(), rows.size() * cols.size());
    EXPECT_LE(*rows.rbegin() - *rows.begin(), 2);
    EXPECT_LE(*cols.rbegin() - *cols.begin(), 1);
  }
}

TEST(Selectors, ABlockLargerThanTheMatrixIsOftenAllOfIt) {
  const std::vector<std::int32_t> arrays = {0};
  std::size_t most = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    Rng rng(1, kTestStream, i);
    most = std::max(most, selector("block").select({rectangle(99, 99), slots(), arrays}, rng).size());
  }
  EXPECT_EQ(most, 12U);
}

// Rows of three in blocks of two: {0, 1}, {2}, {3, 4}, {5} …; a bias is a block of its own.
TEST(Selectors, WhatIsZeroTogetherIsPickedTogether) {
  const Selection selection = whole_blocks({{0, 1}, {0, 2}, {0, 3}, {2, 0}, {2, 1}}, slots(), 2);
  EXPECT_EQ(selection.refs, (std::vector<WeightRef>{{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}, {2, 0}, {2, 1}}));
  EXPECT_EQ(selection.block_ends, (std::vector<std::size_t>{2, 3, 5, 6, 7}));
  EXPECT_EQ(block_ends_of(slots()[0], 2), (std::vector<std::size_t>{2, 3, 5, 6, 8, 9, 11, 12}));
  EXPECT_TRUE(whole_blocks({{0, 1}}, slots(), 1).block_ends.empty());
}

TEST(Selectors, UniformOfMoreThanAllTakesAll) {
  const std::vector<std::int32_t> arrays = {1};
  Params params;
  params.set("count", std::int64_t{363});
  Rng rng(1, kTestStream, 0);
  EXPECT_EQ(selector("uniform").select({params, slots(), arrays}, rng).size(), 4U);
}

TEST(Proposals, FlipTurnsExactlyCountWeights) {
  const ProposalDef& flip = *find(proposal_catalog(), "flip");
  const PriorLaw prior = make_prior(*find(prior_catalog(), "bernoulli"), {}, kernel_grid(signs(), {1}));
  Params params;
  params.set("count", std::int64_t{3});
  const std::vector<float> old_values = {1, -1, 1, 1, -1, -1, 1, -1};
  for (std::uint64_t i = 0; i < 100; ++i) {
    Rng rng(1, kTestStream, i);
    std::vector<float> values = old_values;
    EXPECT_EQ(flip.propose({params, prior, old_values, values}, rng), 0.0);
    int flipped = 0;
    for (std::size_t k = 0; k < values.size(); ++k) flipped += values[k] == -old_values[k] ? 1 : 0;
    EXPECT_EQ(flipped, 3);
  }
}

TEST(Proposals, TheLanguageSeesEveryRow) {
  const std::vector<LawDef> laws = proposal_laws();
  ASSERT_EQ(laws.size(), proposal_catalog().size());
  for (std::size_t i = 0; i < laws.size(); ++i) EXPECT_EQ(laws[i].runs, proposal_catalog()[i].runs());
  EXPECT_EQ(selector_laws().size(), selector_catalog().size());
}

TEST(LayerPlan, ARealLayerThatStatesNothingIsOneGroupUnderTheDefaults) {
  const LayerPlan plan = plan_layer(layer_graph({3}, {{{}, {{"dense", 2}}}}), NodeId{1});
  ASSERT_EQ(plan.groups.size(), 1U);
  EXPECT_EQ(plan.groups[0].arrays, (std::vector<std::int32_t>{0, 1}));
  EXPECT_STREQ(plan.groups[0].prior.def->name, "normal");
  EXPECT_STREQ(plan.groups[0].proposal->name, "normal");
  EXPECT_GT(plan.groups[0].proposal_params.real("scale"), 0);
}

TEST(LayerPlan, ABinaryLayerFlipsItsKernelAndWalksItsScaleAndBias) {
  const LearningRule rule{law("student_t", "scale", 0.2), {}, {}};
  const LayerPlan plan = plan_layer(layer_graph({3}, {{{}, {{"dense", 2, binary_scaled(), rule}}}}), NodeId{1});
  ASSERT_EQ(plan.groups.size(), 3U);
  EXPECT_STREQ(plan.groups[0].prior.def->name, "bernoulli");
  EXPECT_STREQ(plan.groups[0].proposal->name, "flip");
  EXPECT_TRUE(plan.groups[1].positive);
  EXPECT_EQ(plan.groups[1].proposal, &scale_walk());
  EXPECT_STREQ(plan.groups[2].prior.def->name, "student_t");
}

// The kernel's laws of a layer that states nothing, or this prior only.
std::string laws_of(const WeightType& type, const Law& prior = {}) {
  const Graph graph = layer_graph({3}, {{{}, {{"dense", 2, type, {prior, {}, {}}}}}});
  const WeightGroup group = plan_layer(graph, NodeId{1}).groups[0];
  return std::string(group.prior.def->name) + " " + group.proposal->name;
}

TEST(LayerPlan, EveryWeightTypeHasLawsOfItsOwn) {
  EXPECT_EQ(laws_of({}), "normal normal");
  EXPECT_EQ(laws_of(signs()), "bernoulli flip");
  EXPECT_EQ(laws_of({.grid = WeightType::Grid::ternary, .bits = 2}), "flat resample");
  EXPECT_EQ(laws_of({.grid = WeightType::Grid::quantized, .bits = 8}), "flat normal");
  EXPECT_EQ(laws_of({}, law("spike_slab", "p", 0.1)), "spike_slab birth_death");
  EXPECT_EQ(laws_of({.grid = WeightType::Grid::ternary, .bits = 2}, law("spike_slab", "p", 0.1)),
            "spike_slab resample");
}

TEST(LayerPlan, ASpikeGetsAProposalThatReachesIt) {
  const Law spike = law("spike_slab", "p", 0.1);
  EXPECT_EQ(refusal({}, {spike, {"normal", {}}, {}}),
            "layer 'dense_1': proposal 'normal' never takes a weight to zero or back, and the prior 'spike_slab' wants "
            "that; birth_death and independent do");
  EXPECT_EQ(refusal({}, {{}, {"birth_death", {}}, {}}),
            "layer 'dense_1': proposal 'birth_death' is for priors with a spike at zero; 'normal' has none");
  EXPECT_EQ(refusal({}, {law("spike_slab", "slab.flat", true), {}, {}}),
            "layer 'dense_1': prior 'spike_slab': the slab 'flat' is not a law of real numbers that can be drawn from; "
            "normal, student_t, laplace and uniform are");
}

TEST(LayerPlan, AWalkThatIsTooShortForItsGridIsRefused) {
  EXPECT_EQ(refusal({.grid = WeightType::Grid::ternary, .bits = 2}, {{}, law("normal", "scale", 0.1), {}}),
            "layer 'dense_1': proposal 'normal': with a scale of 0.1 weights that are -1, 0 or 1 would hardly ever "
            "move; at least 0.6");
}

TEST(LayerPlan, EveryWeightThatCountsIsProposed) {
  const Graph graph = layer_graph({3}, {{{}, {{"dense", 2, binary_scaled()}, {"batch_norm"}}}});
  for (const LayerPlan& plan : plan_module(graph, ModuleId{0})) {
    std::set<std::int32_t> proposed;
    for (const WeightGroup& group : plan.groups) proposed.insert(group.arrays.begin(), group.arrays.end());
    const std::vector<WeightSlot>& arrays = graph.node(plan.node).weights;
    for (std::size_t a = 0; a < arrays.size(); ++a)
      EXPECT_EQ(proposed.contains(static_cast<std::int32_t>(a)), arrays[a].role != Role::statistic) << arrays[a].name;
  }
}

// Returns the message of the error that starting a layer of six weights and two biases at `start` ends in.
std::string start_refusal(const Law& prior, float start) {
  const Graph graph = layer_graph({3}, {{{}, {{"dense", 2, {}, {prior, {}, {}}}}}});
  Weights weights = initial_weights(graph, 1);
  weights[1].arrays[0].assign(6, start);
  try {
    check_start(plan_module(graph, ModuleId{0}), graph, weights);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(LayerPlan, WeightsThatStartOutsideTheirPriorAreRefused) {
  EXPECT_EQ(start_refusal({"uniform", {}}, 0.5F), "");
  EXPECT_EQ(start_refusal({"uniform", {}}, 1.5F),
            "layer 'dense_1': 6 of 6 values of 'weight' start where the prior 'uniform' has density zero; state a "
            "wider prior or load other weights");
  EXPECT_NE(start_refusal({"flat", {}}, std::numeric_limits<float>::infinity()), "");
}

// Biases start at zero, kernels do not.
TEST(LayerPlan, ASpikeAndSlabStartsAnywhere) {
  for (const char* name : {"spike_slab", "block_spike_slab"})
    for (const double p : {0.1, 1.0})
      for (const float start : {0.0F, 0.5F}) EXPECT_EQ(start_refusal(law(name, "p", p), start), "") << name << p;
  EXPECT_NE(start_refusal(law("spike_slab", "p", 0.0), 0.5F), "");
}

TEST(LayerPlan, LawsForTwoValuesAreRefusedOnRealWeights) {
  EXPECT_EQ(refusal({}, {law("bernoulli", "p", 0.5), {}, {}}),
            "layer 'dense_1': the prior 'bernoulli' is for binary weights, these are real");
  EXPECT_EQ(refusal({}, {{}, {"flip", {}}, {}}),
            "layer 'dense_1': the proposal 'flip' is for binary weights, these are real");
}

TEST(LayerPlan, DrawingFromAnImproperPriorIsRefused) {
  EXPECT_EQ(refusal({}, {{"flat", {}}, {"independent", {}}, {}}),
            "layer 'dense_1': proposal 'independent' draws from the prior, and 'flat' is improper");
}

TEST(LayerPlan, AMistypedLawGetsASuggestion) {
  EXPECT_EQ(refusal({}, {{"norml", {}}, {}, {}}), "layer 'dense_1': there is no prior 'norml'; did you mean 'normal'?");
}

}  // namespace
}  // namespace cleave
