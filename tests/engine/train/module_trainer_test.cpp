#include "engine/train/module_trainer.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "engine/train/batch_reader.h"
#include "engine/train/hashed_bytes.h"
#include "tests/support/quarters.h"

namespace cleave {
namespace {

std::vector<TrainBatch> batches_of(const Graph& graph, const Quarters& data, const TrainOptions& options) {
  BatchReader reader(graph, data.source(), options);
  std::vector<TrainBatch> batches;
  for (TrainBatch batch; reader.next(batch);) batches.push_back(batch);
  return batches;
}

TrainOptions with_steps(std::int64_t steps, double lambda = 0) {
  TrainOptions options = options_for(1);
  options.steps = steps;
  options.lambda = lambda;
  return options;
}

// The first module of a graph at work on six batches, and what it leaves.
struct Pupil {
  Quarters data;
  Graph graph;
  Weights weights = initial_weights(graph, 3);
  std::vector<TrainBatch> batches;
  ModuleTrainer trainer;
  std::vector<TraceRow> rows;

  explicit Pupil(const TrainOptions& options = options_for(1), const Graph& of = three_modules())
      : graph(of), batches(batches_of(graph, data, options)), trainer(graph, ModuleId{0}, options, weights) {}
  void learn(std::size_t from, std::size_t to) {
    for (std::size_t b = from; b < to; ++b)
      trainer.learn(batches[b], {}, [this](const TraceRow& row) { rows.push_back(row); });
  }
};

bool are_equal(const TraceRow& a, const TraceRow& b) {
  return a.step == b.step && a.batch == b.batch && a.part == b.part && *a.layer == *b.layer &&
         a.accepted == b.accepted && a.loss == b.loss && a.log_prior == b.log_prior && a.log_ratio == b.log_ratio;
}

// Whether three batches, a checkpoint as bytes, and three more in another trainer are as six in one.
void expect_goes_on_as_if_nothing_had_happened(const TrainOptions& options, const Graph& graph) {
  Pupil straight(options, graph), first(options, graph), second(options, graph);
  straight.learn(0, 6);
  first.learn(0, 3);
  const std::vector<std::byte> bytes = to_bytes(first.trainer.save(3));
  second.trainer.restore(parse_module_checkpoint(bytes, second.graph, ModuleId{0}));
  EXPECT_EQ(second.trainer.next(), 3);
  second.learn(3, 6);
  EXPECT_EQ(second.trainer.save(6), straight.trainer.save(6));
  EXPECT_EQ(second.trainer.report().counts, straight.trainer.report().counts);
  EXPECT_EQ(weights_hash(second.graph, second.weights), weights_hash(straight.graph, straight.weights));
  first.rows.insert(first.rows.end(), second.rows.begin(), second.rows.end());
  ASSERT_EQ(first.rows.size(), straight.rows.size());
  for (std::size_t i = 0; i < first.rows.size(); ++i) ASSERT_TRUE(are_equal(first.rows[i], straight.rows[i])) << i;
}

TEST(ModuleTrainer, GoesOnFromACheckpointToTheBit) {
  expect_goes_on_as_if_nothing_had_happened(options_for(1), three_modules());
  expect_goes_on_as_if_nothing_had_happened(with_steps(101), modules_in_a_row(2));
}

// The checkpoint lies within the warm-up and within the annealing.
TEST(ModuleTrainer, GoesOnWithItsScalesAndItsTemperature) {
  Law walk = law("normal", "scale", 0.02);
  walk.params.set("adapt.target", 0.3);
  const LearningRule rule{{}, walk, {}};
  const Graph graph = layer_graph({1, 4, 4}, {{{{"flatten"}, {"dense", 6, {}, rule}}, {{"dense", 4, {}, rule}}}});
  TrainOptions options = with_steps(100);
  options.warm_up = 450;
  options.annealed_steps = 500;
  options.start_temperature = 10;
  Pupil pupil(options, graph);
  pupil.learn(0, 3);
  EXPECT_EQ(pupil.trainer.save(3).scales.size(), 4U);
  expect_goes_on_as_if_nothing_had_happened(options, graph);
}

TEST(ModuleTrainer, GoesOnToTheBitAlsoWhenEverythingWasComputedAnewMeanwhile) {
  const TrainOptions options = with_steps(kRefreshEvery + 500, 1e-9);  // nearly every step is accepted
  Pupil pupil(options);
  pupil.learn(0, 1);
  const ChainCounts counts = pupil.trainer.report().counts;
  ASSERT_GT(counts.body_accepted + counts.head_accepted, kRefreshEvery);
  ASSERT_LT(pupil.trainer.save(1).accepted_since_refresh, kRefreshEvery);
  expect_goes_on_as_if_nothing_had_happened(options, three_modules());
}

TrainOptions keeping(std::int64_t draws, std::int64_t every, std::int64_t warm_up) {
  TrainOptions options = options_for(1);
  options.keep_draws = draws;
  options.keep_every = every;
  options.warm_up = warm_up;
  return options;
}

std::vector<std::int64_t> steps_of(const std::vector<Draw>& draws) {
  std::vector<std::int64_t> steps;
  for (const Draw& draw : draws) steps.push_back(draw.step);
  return steps;
}

TEST(ModuleTrainer, KeepsTheNewestDrawsBehindTheWarmUp) {
  Pupil plain(with_steps(300)), pupil(keeping(3, 170, 120));  // draws at 290, 460, 630 … 1650
  pupil.learn(0, 1);
  EXPECT_EQ(steps_of(pupil.trainer.save(1).draws), std::vector<std::int64_t>{290});
  pupil.learn(1, 6);
  EXPECT_EQ(steps_of(pupil.trainer.save(6).draws), (std::vector<std::int64_t>{1310, 1480, 1650}));
  plain.learn(0, 6);
  EXPECT_EQ(weights_hash(pupil.graph, pupil.weights), weights_hash(plain.graph, plain.weights));
}

TEST(ModuleTrainer, ADrawIsTheWeightsBehindItsStep) {
  Pupil pupil(keeping(2, 300, 0));
  pupil.learn(0, 3);
  const ModuleCheckpoint saved = pupil.trainer.save(3);
  EXPECT_EQ(steps_of(saved.draws), (std::vector<std::int64_t>{600, 900}));
  EXPECT_EQ(saved.draws.back().weights, saved.weights);
  EXPECT_NE(saved.draws.front().weights, saved.weights);
}

TEST(ModuleTrainer, KeepsDrawsAlsoWhenItLeavesABatchEarly) {
  Pupil pupil(keeping(5, 7, 0));
  int asked = 0;
  pupil.trainer.learn(pupil.batches[0], [&] { return ++asked == 14; });
  EXPECT_EQ(pupil.trainer.report().counts.steps, 14);
  EXPECT_EQ(steps_of(pupil.trainer.save(1).draws), (std::vector<std::int64_t>{7, 14}));
}

TEST(ModuleTrainer, GoesOnWithItsDrawsAndFewerWhereFewerAreWanted) {
  expect_goes_on_as_if_nothing_had_happened(keeping(4, 130, 200), three_modules());
  Pupil many(keeping(4, 100, 0)), few(keeping(2, 100, 0));
  many.learn(0, 2);
  few.trainer.restore(many.trainer.save(2));
  EXPECT_EQ(steps_of(few.trainer.save(2).draws), (std::vector<std::int64_t>{500, 600}));
}

TEST(ModuleTrainer, ScoringDisturbsNothing) {
  Pupil plain, scored;
  plain.learn(0, 4);
  for (std::size_t b = 0; b < 4; ++b) {
    scored.learn(b, b + 1);
    scored.trainer.score(scored.batches[5]);
  }
  EXPECT_EQ(scored.trainer.save(4), plain.trainer.save(4));
  EXPECT_TRUE(are_equal(scored.rows.back(), plain.rows.back()));
}

TEST(ModuleTrainer, ScoresWhatTheHeadAnswers) {
  Pupil pupil(with_steps(1500));
  const TestScore before = pupil.trainer.score(pupil.batches[0]);
  pupil.learn(0, 1);
  const TestScore after = pupil.trainer.score(pupil.batches[0]);
  EXPECT_EQ(before.images, 76);
  EXPECT_GT(after.correct, before.correct);
  EXPECT_NEAR(after.cross_entropy, pupil.trainer.report().loss, 1e-3 * after.cross_entropy);
}

TEST(ModuleTrainer, HandsOnTheBodyOfWhatItScored) {
  Pupil pupil;
  BlockBatch learnt, scored;
  pupil.learn(0, 1);
  pupil.trainer.copy_body(learnt);
  pupil.trainer.score(pupil.batches[0]);
  pupil.trainer.copy_body(scored);
  EXPECT_EQ(scored.values, learnt.values);
  EXPECT_EQ(scored.labels, pupil.batches[0].data.labels);
}

TEST(ModuleTrainer, SendsZerosBehindTheLastImage) {
  Pupil pupil;
  pupil.learn(0, 1);
  BlockBatch sent;
  pupil.trainer.copy_body(sent);
  ASSERT_EQ(sent.used(sent.blocks() - 1), 76 % 16);
  const ConstBlockView last = static_cast<const BlockBatch&>(sent).block(sent.blocks() - 1);
  for (std::int64_t c = 0; c < last.channels; ++c)
    for (std::int64_t i = 0; i < 16; ++i) EXPECT_EQ(last.channel(c)[i] != 0, i < 76 % 16);
}

TEST(ModuleTrainer, StopsEarlyWhenNewerInputHasArrived) {
  Pupil pupil;
  int asked = 0;
  const BatchProgress progress = pupil.trainer.learn(pupil.batches[0], [&] { return ++asked == 7; });
  EXPECT_EQ(progress.steps, 7);
  EXPECT_EQ(pupil.trainer.report().counts.steps, 7);
}

TEST(ModuleTrainer, LabelsThatAreNotClassesAreRefused) {
  Pupil pupil;
  pupil.batches[0].data.labels[3] = 4;
  EXPECT_THROW(pupil.trainer.learn(pupil.batches[0]), UserError);
  EXPECT_THROW(pupil.trainer.score(pupil.batches[0]), UserError);
}

// What parsing these bytes fails with.
std::string refusal(std::span<const std::byte> bytes, const Graph& graph, ModuleId module) {
  try {
    parse_module_checkpoint(bytes, graph, module);
  } catch (const RunError& error) {
    return error.what();
  }
  return "";
}

TEST(ModuleCheckpoint, SurvivesBytesAndIsRefusedWhenDamaged) {
  Pupil pupil;
  pupil.learn(0, 2);
  std::vector<std::byte> bytes = to_bytes(pupil.trainer.save(2));
  EXPECT_EQ(parse_module_checkpoint(bytes, pupil.graph, ModuleId{0}), pupil.trainer.save(2));
  for (const std::size_t at : {std::size_t{30}, bytes.size() / 2, bytes.size() - 1}) {
    bytes[at] ^= std::byte{4};
    EXPECT_NE(refusal(bytes, pupil.graph, ModuleId{0}).find("is damaged"), std::string::npos);
    bytes[at] ^= std::byte{4};
  }
  for (std::size_t size = 0; size < bytes.size(); size += 7)
    EXPECT_NE(refusal(std::span(bytes).first(size), pupil.graph, ModuleId{0}), "");
}

TEST(ModuleCheckpoint, OfAnotherVersionModuleOrModelIsRefused) {
  Pupil pupil;
  std::vector<std::byte> bytes = to_bytes(pupil.trainer.save(0));
  EXPECT_EQ(refusal(bytes, pupil.graph, ModuleId{1}), "a module's checkpoint is of module 'm1', not of 'm2'");
  EXPECT_EQ(refusal(bytes, modules_in_a_row(2), ModuleId{0}),
            "a module's checkpoint is of another model: layer 'dense_2' has other weights");
  bytes[8] = std::byte{9};
  bytes.resize(bytes.size() - sizeof(std::uint64_t));
  end_hashed(bytes);
  EXPECT_EQ(refusal(bytes, pupil.graph, ModuleId{0}),
            "a module's checkpoint is of version 9, this program reads version 2: use the one that wrote it");
}

}  // namespace
}  // namespace cleave
