// The flow with the ops of the catalog, on a small residual network.
#include <gtest/gtest.h>

#include "engine/runtime/flow.h"
#include "ops/core/catalog.h"
#include "tests/engine/runtime/test_graphs.h"

namespace cleave {
namespace {

using namespace testing_ops;

using Setting = std::pair<const char*, ParamValue>;

NodeId add_op(Graph& graph, const char* name, const std::vector<NodeId>& inputs, const std::vector<Setting>& settings,
              const WeightType& type = {}) {
  Node node;
  node.name = std::string(name) + std::to_string(graph.nodes.size());
  node.op = find<OpDef>(op_catalog(), name);
  for (const auto& [key, value] : settings) node.params.set(key, value);
  node.inputs = inputs;
  const std::vector<TensorType> types = input_types(graph, node);
  node.type = node.op->infer(node.params, types);
  node.weight_type = type;
  if (node.op->weights != nullptr) node.weights = node.op->weights(node.params, types, type);
  node.cost = node.op->cost(node.params, types, node.type, type, 1);
  graph.output = static_cast<NodeId>(graph.nodes.size());
  graph.nodes.push_back(std::move(node));
  return graph.output;
}

// conv, two residual blocks (the second with ±1 weights), pooling, dense.
Graph residual_network() {
  Graph graph = input_graph(1);
  graph.nodes[0].type.shape = {3, 9, 7};
  const std::vector<Setting> conv{
      {"filters", std::int64_t{8}}, {"kernel", std::int64_t{3}}, {"padding", std::int64_t{1}}};
  const WeightType sign{WeightType::Grid::sign, 1, false};
  NodeId last = add_op(graph, "conv2d", {NodeId{0}}, conv);
  for (const WeightType& type : {WeightType{}, sign}) {
    const NodeId first = add_op(graph, "relu", {add_op(graph, "conv2d", {last}, conv, type)}, {});
    last = add_op(graph, "add", {add_op(graph, "conv2d", {first}, conv, type), last}, {});
  }
  const NodeId pooled = add_op(graph, "mean_pool", {last}, {{"size", std::string("all")}});
  add_op(graph, "dense", {add_op(graph, "flatten", {pooled}, {})}, {{"units", std::int64_t{10}}});
  return graph;
}

TEST(FlowWithOps, EqualsTheSequentialExecutor) {
  const Graph graph = residual_network();
  ASSERT_TRUE(check_graph(graph).empty());
  const Weights weights = initial_weights(graph, 7);
  const std::vector<std::vector<float>> expected = sequential_outputs(graph, weights, 3, 50);
  for (const int threads : {1, 2})
    for (const std::int64_t in_flight : {1, 64}) {
      const FlowOptions options{.batch = 3, .in_flight = in_flight, .threads = threads};
      EXPECT_TRUE(flow_outputs(graph, weights, options, 50) == expected) << threads << " " << in_flight;
    }
}

}  // namespace
}  // namespace cleave
