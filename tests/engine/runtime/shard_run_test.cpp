// Shards give the bits of one process.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "graphs/passes.h"
#include "partitioner/cuts.h"
#include "tests/partitioner/split_check.h"
#include "tests/support/random_plan.h"
#include "tests/support/run_shards.h"

namespace cleave {
namespace {

constexpr std::int64_t kSamples = 5, kBatch = 2;

// A model on a swarm of so many cards, free to be cut wherever the planner would.
struct Case {
  Planned planned;
  Weights weights;
  std::vector<NodeId> heads;
  Tensor input;

  Case(Model model, int devices) : planned(std::move(model)) {
    planned.swarm = swarm_of(devices, "raspberry-pi-4b-4gb", planned.model.reading.doc);
    planned.request = read_request(planned.model, {});
    planned.request.cut_after.clear();
    planned.request.names.clear();
    planned.request.batch = kBatch;
    planned.costs = cost_table(planned.model.graph, planned.swarm, {}, kBatch);
    weights = random_weights(planned.model.graph, 7);
    heads = all_heads(planned.model.graph);
    input = random_samples(planned.model.graph.nodes.front().type.shape, kSamples);
  }

  std::vector<std::vector<float>> run(const Plan& plan) const {
    return run_shards(
        make_shards(planned.model.graph, weights, plan, device_names(planned.swarm), heads, false, kBatch), input,
        kBatch);
  }
  std::vector<std::vector<float>> whole() const {
    return run_whole(planned.model.graph, weights, heads, input, kBatch);
  }
};

std::string described(const Case& model, const Plan& plan) {
  std::string text = fmt::format("{} cut {}", model.planned.model.graph.name, plan.cut);
  if (plan.split)
    text += fmt::format(" {} x{} at {}", plan.split->kind, plan.split->ways,
                        model.planned.model.graph.node(plan.split->to).name);
  return text;
}

void for_each_model(int devices, const std::function<void(const Case&)>& use) {
  for (const std::filesystem::path& file : all_model_files()) {
    Model model = load_model(file.string(), cleave_language());
    if (!model.graph.nodes.empty()) use(Case(std::move(model), devices));
  }
}

TEST(ShardRun, GivesTheBitsOfOneProcess) {
  for (const int devices : {2, 3, 5})
    for_each_model(devices, [&](const Case& model) {
      const std::vector<std::vector<float>> whole = model.whole();
      for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const Plan plan = random_plan(model.planned.setting(), seed, devices);
        EXPECT_TRUE(model.run(plan) == whole) << described(model, plan);
      }
    });
}

// Splits of a kind wherever the planner would think of one.
std::vector<Plan> split_plans(const Case& model, const SplitDef& def) {
  const Graph& graph = model.planned.model.graph;
  std::vector<Plan> plans;
  for (const NodeId to : whole_prefixes(computed_by(graph))) {
    const SplitSpec spec{def.name, 2 + static_cast<std::int64_t>(index_of(to) % 2), to};
    if (refusal(def, graph, to, spec.ways) != "split") continue;
    plans.push_back(random_plan(model.planned.setting(), index_of(to), 1 + static_cast<int>(index_of(to) % 2), &spec));
  }
  return plans;
}

class ExactSplits : public ::testing::TestWithParam<const char*> {};

TEST_P(ExactSplits, GiveTheBitsOfOneProcess) {
  std::size_t plans = 0;
  for_each_model(5, [&](const Case& model) {
    const std::vector<std::vector<float>> whole = model.whole();
    for (const Plan& plan : split_plans(model, split_def(GetParam()))) {
      EXPECT_TRUE(model.run(plan) == whole) << described(model, plan);
      ++plans;
    }
  });
  EXPECT_GT(plans, 10U);
}

INSTANTIATE_TEST_SUITE_P(Every, ExactSplits, ::testing::Values("filters", "tiles"));

TEST(ShardRun, BranchesGiveTheBitsOfTheirOwnNetworkInOneProcess) {
  std::size_t plans = 0;
  for_each_model(5, [&](const Case& model) {
    const Graph& graph = model.planned.model.graph;
    const SplitDef& def = split_def("branches");
    for (const Plan& plan : split_plans(model, def)) {
      const SplitGraph split = def.split(graph, plan.split->to, plan.split->ways);
      const Weights weights = def.weights(graph, split, model.weights);
      EXPECT_TRUE(model.run(plan) == run_whole(split.graph, weights, all_heads(split.graph), model.input, kBatch))
          << described(model, plan);
      ++plans;
    }
  });
  EXPECT_GT(plans, 5U);
}

}  // namespace
}  // namespace cleave
