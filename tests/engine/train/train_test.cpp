#include "engine/train/train.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/train/trace.h"
#include "tests/support/quarters.h"

namespace cleave {
namespace {

std::string hash_after(const TrainOptions& options) {
  const Quarters data;
  const Graph graph = three_modules();
  Weights weights = initial_weights(graph, 3);
  train(graph, weights, data.source(), options);
  return weights_hash(graph, weights);
}

TEST(Train, WeightsAreTheSameForAnyNumberOfThreads) {
  const std::string one = hash_after(options_for(1));
  EXPECT_EQ(hash_after(options_for(2)), one);
  EXPECT_EQ(hash_after(options_for(4)), one);
}

TEST(Train, AnotherSeedGivesOtherWeights) {
  TrainOptions options = options_for(1);
  options.seed = 2;
  EXPECT_NE(hash_after(options), hash_after(options_for(1)));
}

TEST(Train, EveryModuleLearns) {
  const Quarters data;
  const Graph graph = three_modules();
  Weights weights = initial_weights(graph, 3);
  TrainOptions options = options_for(2);
  options.steps = 1500;
  const TrainReport report = train(graph, weights, data.source(), options);
  ASSERT_EQ(report.modules.size(), 3U);
  for (const ModuleReport& module : report.modules) EXPECT_LT(module.loss / 77, 0.7) << module.name;
}

TEST(Train, EveryModuleDoesItsStepsOnEveryBatch) {
  const Quarters data;
  const Graph graph = three_modules();
  Weights weights = initial_weights(graph, 3);
  std::vector<std::int64_t> images;
  TrainHooks hooks;
  hooks.on_batch = [&](const BatchProgress& progress) {
    if (progress.module == ModuleId{2}) images.push_back(progress.images);
  };
  const TrainReport report = train(graph, weights, data.source(), options_for(2), hooks);
  EXPECT_EQ(images, (std::vector<std::int64_t>{76, 77, 77, 76, 77, 77}));
  EXPECT_EQ(report.batches, 6);
  for (const ModuleReport& module : report.modules) EXPECT_EQ(module.counts.steps, 6 * 300);
}

TEST(Train, DenormalsAreFlushedOnEveryThread) {
  const Quarters data;
  const Graph graph = three_modules();
  Weights weights = initial_weights(graph, 3);
  std::atomic<std::int64_t> kept = 0;
  TrainHooks hooks;
  hooks.on_step = [&](ModuleId, const TraceRow&) {
    const volatile float smallest = std::numeric_limits<float>::min();
    if (smallest * 0.5F != 0.0F) ++kept;
  };
  train(graph, weights, data.source(), options_for(4), hooks);
  EXPECT_EQ(kept, 0);
}

TEST(Train, TheStopFlagFinishesTheRunningBatch) {
  const Quarters data;
  const Graph graph = three_modules();
  Weights weights = initial_weights(graph, 3);
  std::atomic<bool> stop = false;
  TrainHooks hooks;
  hooks.on_batch = [&](const BatchProgress& progress) {
    if (progress.batch == 1) stop = true;
  };
  TrainOptions options = options_for(2);
  options.stop = &stop;
  const TrainReport report = train(graph, weights, data.source(), options, hooks);
  EXPECT_TRUE(report.stopped);
  EXPECT_EQ(report.modules[0].counts.steps, 600);
}

TEST(Train, AModuleWithoutHeadIsRefused) {
  const Quarters data;
  const Graph graph = layer_graph({1, 4, 4}, {{{{"flatten"}, {"dense", 4}}, {}}});
  Weights weights = initial_weights(graph, 3);
  EXPECT_THROW(train(graph, weights, data.source(), options_for(1)), UserError);
}

// Returns the message of the error that training these modules on these labels ends in.
std::string refusal(const std::vector<ModuleNote>& modules, const Quarters& data = {},
                    const TrainOptions& options = options_for(1)) {
  const Graph graph = layer_graph({1, 4, 4}, modules);
  Weights weights = initial_weights(graph, 3);
  try {
    train(graph, weights, data.source(), options);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Train, HeadsThatTheLossCannotBeTakenOfAreRefused) {
  EXPECT_EQ(refusal({{{}, {{"flatten"}, {"dense", 4}, {"softmax"}}}}),
            "module 'm1': the head ends in a softmax, and cross_entropy takes one of its own: leave it out");
  EXPECT_EQ(refusal({{{}, {{"relu"}}}}),
            "module 'm1': the head gives an image of 1x4x4, training needs one number a class: put a flatten into it");
}

TEST(Train, LabelsThatAreNotClassesAreRefused) {
  Quarters data;
  for (const std::int32_t wrong : {-1, 4}) {
    data.labels[7] = wrong;
    EXPECT_EQ(refusal({{{}, {{"flatten"}, {"dense", 4}}}}, data),
              fmt::format("an image has the label {}, the head of module 'm1' has 4 classes, from 0", wrong));
  }
}

TEST(Train, WeightsThatStartOutsideTheirPriorAreRefused) {
  const LearningRule narrow{law("uniform", "low", 0.0), {}, {}};
  EXPECT_NE(refusal({{{}, {{"flatten"}, {"dense", 4, {}, narrow}}}}), "");
}

TEST(Train, TracingEveryNoStepIsRefused) {
  TrainOptions options = options_for(1);
  options.trace_every = 0;
  EXPECT_NE(refusal({{{}, {{"flatten"}, {"dense", 4}}}}, {}, options), "");
}

TEST(Train, StatingTheDefaultLambdaChangesNothing) {
  TrainOptions options = options_for(1);
  options.lambda = default_lambda("sum", options.batch);
  EXPECT_EQ(hash_after(options), hash_after(options_for(1)));
  EXPECT_EQ(default_lambda("mean", 100), 100 * default_lambda("sum", 100));
}

TEST(BatchRange, CutsAnEpochIntoEqualBatchesThatUseEveryImage) {
  std::int64_t next = 0;
  for (std::int64_t b = 0; b < 8; ++b) {
    const BatchRange range = batch_range(60000, 8192, b);
    EXPECT_EQ(range.first, next);
    EXPECT_EQ(range.count, 7500);
    next += range.count;
  }
  EXPECT_EQ(next, 60000);
  EXPECT_EQ(batch_range(60000, 8192, 8).count, 0);
}

TEST(ShuffledOrder, IsAPermutationThatDependsOnTheEpoch) {
  std::vector<std::int64_t> order = shuffled_order(50, 1, 0);
  EXPECT_EQ(order, shuffled_order(50, 1, 0));
  EXPECT_NE(order, shuffled_order(50, 1, 1));
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], static_cast<std::int64_t>(i));
}

TEST(TraceWriter, AppendsBelowOneHeader) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "trace.csv";
  std::filesystem::remove(path);
  const std::string layer = "h1/dense";
  for (const std::int64_t step : {5, 10}) {
    TraceWriter trace(path, {{"lambda", "100"}});
    trace.write({step, 2, Part::head, &layer, true, 1.5, -3.25, 0.125, 0.5, 100});
  }
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(),
            "# trace version: 2\n# lambda: 100\n"
            "step,batch,part,layer,accepted,loss,log_prior,log_ratio,jump,lambda\n"
            "5,2,head,h1/dense,1,1.5,-3.25,0.125,0.5,100\n10,2,head,h1/dense,1,1.5,-3.25,0.125,0.5,100\n");
}

// A trace with rows at steps 0, 10 and 20 and an unfinished line; what is left after cutting it at `steps`.
std::string trace_cut_at(std::int64_t steps) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "cut_trace.csv";
  std::filesystem::remove(path);
  const std::string layer = "h1/dense";
  {
    TraceWriter trace(path, {{"lambda", "100"}});
    for (const std::int64_t step : {0, 10, 20}) trace.write({step, 2, Part::head, &layer, true, 1, 2, 3, 4, 5});
  }
  std::ofstream(path, std::ios::app) << "30,2,he";
  cut_trace(path, steps);
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(CutTrace, LeavesTheRowsBeforeACheckpoint) {
  const std::string header =
      "# trace version: 2\n# lambda: 100\nstep,batch,part,layer,accepted,loss,log_prior,log_ratio,jump,lambda\n";
  const std::string rows = "0,2,head,h1/dense,1,1,2,3,4,5\n10,2,head,h1/dense,1,1,2,3,4,5\n";
  EXPECT_EQ(trace_cut_at(0), header);
  EXPECT_EQ(trace_cut_at(11), header + rows);
  EXPECT_EQ(trace_cut_at(20), header + rows);
  EXPECT_EQ(trace_cut_at(1000), header + rows + "20,2,head,h1/dense,1,1,2,3,4,5\n");
}

TEST(CutTrace, OfAFileThatIsNotThereDoesNothing) {
  cut_trace("/nowhere/at/all.csv", 3);
  EXPECT_FALSE(std::filesystem::exists("/nowhere"));
}

TEST(TraceWriter, AFolderThatIsNotThereIsARunError) {
  EXPECT_THROW(TraceWriter("/nowhere/at/all/trace.csv", {}), RunError);
}

}  // namespace
}  // namespace cleave
