// What is evaluated incrementally stays what a full evaluation gives, on every model that is shipped, under its own
// laws. The number of steps is less than 100 000 where a step costs much: everything is computed anew after
// kRefreshEvery accepted steps anyway, and each module here goes beyond that.
#include <cmath>
#include <filesystem>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "engine/mcmc/chain.h"
#include "engine/mcmc/defaults.h"
#include "engine/train/train.h"
#include "graphs/build.h"
#include "ops/core/catalog.h"
#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

constexpr std::int64_t kImages = 16;

BlockBatch random_batch(const Shape& shape, std::int64_t images, std::int64_t lanes) {
  Tensor pixels(images, shape);
  Rng rng(7, kTestStream, 0);
  for (float& pixel : pixels.data) pixel = static_cast<float>(rng.uniform());
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < images; ++i) labels.push_back(static_cast<std::int32_t>(rng.below(4)));
  BlockBatch batch;
  fill_batch(batch, static_cast<const Tensor&>(pixels).view(), labels, lanes);
  return batch;
}

// Largest difference of the two states' outputs of a module's nodes, relative to each node's largest value.
double distance(const Graph& graph, ModuleId module, const ModuleState& state, const ModuleState& anew) {
  double worst = 0;
  for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].module != module) continue;
    const ConstBlockView seen = state.output(static_cast<NodeId>(n), 0);
    const ConstBlockView right = anew.output(static_cast<NodeId>(n), 0);
    double largest = 1e-6;
    double difference = 0;
    for (std::int64_t i = 0; i < seen.size(); ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(right.data[i])));
      difference =
          std::max(difference, std::abs(static_cast<double>(seen.data[i]) - static_cast<double>(right.data[i])));
    }
    worst = std::max(worst, difference / largest);
  }
  return worst;
}

std::int64_t weights_in(const Graph& graph, ModuleId module) {
  std::int64_t count = 0;
  for (const Node& node : graph.nodes)
    if (node.module == module) count += weight_count(node);
  return count;
}

void check_module(const Graph& graph, ModuleId module, std::int64_t wanted) {
  Weights weights = initial_weights(graph, 5);
  const BlockBatch batch = random_batch(graph.node(graph.module(module).input).type.shape, kImages, kImages);
  const LikelihoodDef& loss = *find(likelihood_catalog(), graph.loss.name);
  Chain chain(graph, module, loss, {.lambda = 1e-6, .stream = kTestStream, .refresh_every = kRefreshEvery});
  chain.set_batch(batch, weights);
  std::int64_t accepted = 0;
  while (accepted < wanted) {
    chain.run(500);
    const std::int64_t now = chain.counts().body_accepted + chain.counts().head_accepted;
    ASSERT_GT(now, accepted);
    accepted = now;
  }
  ModuleState anew(graph, module, loss);
  anew.set_batch(batch, weights);
  EXPECT_LT(distance(graph, module, chain.state(), anew), 1e-4) << graph.module(module).name;
  EXPECT_NEAR(chain.state().loss(), anew.loss(), 1e-4 * std::abs(anew.loss())) << graph.module(module).name;
}

void check_model(const Graph& graph, std::int64_t wanted) {
  std::set<std::int64_t> seen;  // modules of equal size are alike
  for (std::size_t m = 0; m < graph.modules.size(); ++m) {
    const auto module = static_cast<ModuleId>(m);
    if (graph.module(module).head == NodeId::none || !seen.insert(weights_in(graph, module)).second) continue;
    check_module(graph, module, wanted);
  }
}

TEST(Drift, StaysBelowOneInTenThousandOnEveryShippedModel) {
  for (const auto& entry : std::filesystem::directory_iterator(CLEAVE_SOURCE_DIR "/graphs/models")) {
    if (entry.path().extension() != ".yaml") continue;
    const bool swarm_only = entry.path().stem() == "swarm5";
    if (swarm_only) continue;
    const Model model = load_model(entry.path().string(), cleave_language());
    if (find(likelihood_catalog(), model.graph.loss.name) == nullptr) continue;
    check_model(model.graph, model.graph.name == "fashion-hybrid" ? 100000 : kRefreshEvery + 2000);
  }
}

// Windows over odd images, groups, pooling, a body that is added up.
Graph image_graph() {
  LayerNote pool{"max_pool"};
  pool.params.set("size", std::int64_t{2});
  const LearningRule rule{{}, {}, {"one_filter", {}}};
  return layer_graph({2, 7, 5},
                     {{{conv_note(6, 3, 1, 1), {"relu"}, pool},
                       {conv_note(5, 2, 1, 1, binary_scaled(), rule), {"tanh"}, {"flatten"}, {"dense", 4}}}});
}

TEST(Drift, ConvolutionsOfSingleWeightsAndFiltersStayRight) {
  const Graph graph = image_graph();
  check_module(graph, ModuleId{0}, 30000);
}

// Two batches of random images.
std::int64_t random_images(std::int64_t, std::int64_t batch, TensorView to, std::span<std::int32_t> labels) {
  Rng rng(7, kTestStream, static_cast<std::uint64_t>(batch));
  for (float& value : to.values()) value = static_cast<float>(rng.uniform());
  for (std::int32_t& label : labels) label = static_cast<std::int32_t>(rng.below(4));
  return batch < 2 ? to.batch : 0;
}

TEST(Drift, WeightsOfAConvolutionalModelDoNotDependOnThreads) {
  const Graph graph = image_graph();
  std::vector<Weights> trained;
  for (const int threads : {1, 2, 4}) {
    TrainOptions options;
    options.batch = 150;
    options.steps = 300;
    options.threads = threads;
    options.lanes = lanes_for(graph);
    trained.push_back(initial_weights(graph, 5));
    train(graph, trained.back(), random_images, options);
  }
  EXPECT_EQ(trained[0], trained[1]);
  EXPECT_EQ(trained[0], trained[2]);
}

}  // namespace
}  // namespace cleave
