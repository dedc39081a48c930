// The exact splits of every shipped model: the outputs are those of the model as written.
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/cli/command.h"
#include "graphs/build.h"
#include "graphs/passes.h"
#include "tests/partitioner/split_check.h"
#include "tests/support/models.h"

namespace cleave {
namespace {

constexpr std::int64_t kSamples = 2;
constexpr std::size_t kCuts = 6;  // of a model; ResNet20 has 63

struct Case {
  Graph graph;
  Weights weights;
  std::vector<std::vector<float>> outputs;
};

std::vector<Case> shipped_cases() {
  std::vector<Case> cases;
  for (const std::filesystem::path& file : all_model_files()) {
    Graph graph = load_model(file.string(), cleave_language()).graph;
    if (graph.nodes.empty()) continue;  // a swarm file
    Weights weights = random_weights(graph, 7);
    std::vector<std::vector<float>> outputs = run_nodes(graph, weights, kSamples);
    cases.push_back({std::move(graph), std::move(weights), std::move(outputs)});
  }
  return cases;
}

// Nodes where the model can be split, evenly spread, the last one included.
std::vector<NodeId> some_cuts(const Graph& graph) {
  std::vector<NodeId> all;
  for (std::size_t i = 1; i < graph.nodes.size(); ++i)
    if (const NodeId id{static_cast<std::int32_t>(i)}; can_split_at(graph, id)) all.push_back(id);
  std::vector<NodeId> some;
  for (std::size_t k = 1; k <= std::min(kCuts, all.size()); ++k)
    some.push_back(all[k * all.size() / std::min(kCuts, all.size()) - 1]);
  return some;
}

bool is_real_before(const Graph& graph, NodeId to) {
  for (std::size_t i = 0; i <= index_of(to); ++i)
    for (const WeightSlot& slot : graph.nodes[i].weights)
      if (slot.role == Role::kernel && !graph.nodes[i].weight_type.is_binary()) return true;
  return false;
}

// Fused after the split, as inference would: returns the difference of all modules' outputs.
double fused_difference(const Case& model, const SplitDef& def, const SplitGraph& split) {
  Weights weights = def.weights(model.graph, split, model.weights);
  Graph fused = split.graph;
  run_passes(fused, weights);
  const std::vector<std::vector<float>> after = run_nodes(fused, weights, kSamples);
  double most = 0;
  for (std::size_t m = 0; m < fused.modules.size(); ++m)
    for (NodeId Module::*which : {&Module::body, &Module::head}) {
      const NodeId id = split.graph.modules[m].*which;
      if (id == NodeId::none) continue;
      const NodeId origin = split.origin[index_of(id)];
      most = std::max(most, difference(after[index_of(fused.modules[m].*which)], model.outputs[index_of(origin)]));
    }
  return most;
}

// Returns whether the split was possible.
bool check_split(const Case& model, const SplitDef& def, NodeId to, std::int64_t ways) {
  const std::string what =
      fmt::format("{} of {} at {} by {}", def.name, model.graph.name, model.graph.node(to).name, ways);
  const std::string why = refusal(def, model.graph, to, ways);
  if (why != "split") {
    EXPECT_EQ(why.find("cannot split at '" + model.graph.node(to).name + "': "), 0U) << what << ": " << why;
    return false;
  }
  const SplitGraph split = def.split(model.graph, to, ways);
  EXPECT_EQ(split_fault(model.graph, split, ways), "") << what;
  const double apart = split_difference(model.graph, model.weights, def, split, model.outputs, kSamples);
  EXPECT_LE(apart, is_real_before(model.graph, to) ? 1e-5 : 0) << what;
  EXPECT_LE(fused_difference(model, def, split), 1e-4) << what;  // the passes alone keep to this, too
  return true;
}

int count_splits(const Case& model, const SplitDef& def) {
  int splits = 0;
  for (const NodeId to : some_cuts(model.graph))
    for (const std::int64_t ways : {2, 3, 4}) splits += check_split(model, def, to, ways) ? 1 : 0;
  return splits;
}

TEST(SplitOfShippedModels, FiltersKeepEveryOutput) {
  const std::vector<Case> cases = shipped_cases();
  ASSERT_GE(cases.size(), 6U);
  for (const Case& model : cases) EXPECT_GE(count_splits(model, split_def("filters")), 2) << model.graph.name;
}

TEST(SplitOfShippedModels, TilesKeepEveryOutput) {
  for (const Case& model : shipped_cases()) {
    const bool image = model.graph.node(some_cuts(model.graph).front()).type.shape.size() == 3;
    EXPECT_GE(count_splits(model, split_def("tiles")), image ? 2 : 0) << model.graph.name;
  }
}

}  // namespace
}  // namespace cleave
