#include "tests/partitioner/split_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/runtime/flow.h"
#include "ops/core/catalog.h"
#include "ops/core/rng.h"

namespace cleave {

namespace {

std::string node_fault(const SplitGraph& split, std::size_t i) {
  const Node& node = split.graph.nodes[i];
  const std::vector<TensorType> types = input_types(split.graph, node);
  if (node.cost != node.op->cost(node.params, types, node.type, node.weight_type, 1)) return "has another cost";
  const bool layer = node.op->weights != nullptr;
  if (layer && node.weights != node.op->weights(node.params, types, node.weight_type)) return "has other weights";
  for (const NodeId input : node.inputs) {
    const int from = split.share_of[index_of(input)];
    if (split.share_of[i] >= 0 && from != split.share_of[i] && input != NodeId{0}) return "reads another share";
    const bool joins = NodeId{static_cast<std::int32_t>(i)} == split.join;
    if (split.share_of[i] < 0 && from >= 0 && !joins) return "reads a share past the join";
    if (split.share_of[i] < 0 && input == NodeId{0}) return "reads the input past the shares";
  }
  return "";
}

}  // namespace

const SplitDef& split_def(const std::string& kind) {
  const SplitDef* def = find(split_catalog(), kind);
  EXPECT_NE(def, nullptr) << kind;
  return *def;
}

NodeId node_named(const Graph& graph, const std::string& name) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.nodes[i].name == name) return NodeId{static_cast<std::int32_t>(i)};
  ADD_FAILURE() << "no node '" << name << "'";
  return NodeId{0};
}

Weights random_weights(const Graph& graph, std::uint64_t seed) {
  Weights weights = initial_weights(graph, seed);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (std::size_t a = 0; a < graph.nodes[i].weights.size(); ++a) {
      if (graph.nodes[i].weights[a].role == Role::kernel) continue;
      Rng rng(seed, kTestStream, 100 * i + a);
      for (float& value : weights[i].arrays[a]) value += static_cast<float>(0.3 * rng.uniform());
    }
  return weights;
}

std::vector<std::vector<float>> run_nodes(const Graph& graph, const Weights& weights, std::int64_t samples) {
  FlowOptions options;
  options.batch = samples;
  options.threads = 1;
  options.in_flight = 1;
  Flow flow(graph, weights, options);
  std::vector<std::vector<float>> outputs(graph.nodes.size());
  const auto source = [&](std::int64_t seq, TensorView slot) {
    Rng rng(3, kTestStream, 0);
    for (float& value : slot.values()) value = static_cast<float>(rng.normal());
    return seq == 0 ? samples : std::int64_t{0};
  };
  flow.run(source, [&](const FrameResult& frame) {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const ConstTensorView view = frame.output(NodeId{static_cast<std::int32_t>(i)});
      outputs[i].assign(view.values().begin(), view.values().end());
    }
  });
  return outputs;
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double scale = 1e-30, most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    scale = std::max(scale, std::abs(static_cast<double>(b[i])));
    const double apart = std::abs(static_cast<double>(a[i]) - b[i]);
    most = std::isnan(apart) ? std::numeric_limits<double>::infinity() : std::max(most, apart);
  }
  return most / scale;
}

std::string split_fault(const Graph& graph, const SplitGraph& split, std::int64_t ways) {
  const std::vector<std::string> faults = check_graph(split.graph);
  if (!faults.empty()) return faults.front();
  const std::size_t count = split.graph.nodes.size();
  if (split.share_of.size() != count || split.origin.size() != count || split.channels.size() != count)
    return "arrays by node of another size";
  if (std::ssize(split.outputs) != ways) return "another number of shares";
  for (std::size_t i = 0; i < split.outputs.size(); ++i)
    if (split.share_of[index_of(split.outputs[i])] != static_cast<int>(i)) return "an output of another share";
  std::set<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    const Node& node = split.graph.nodes[i];
    if (!names.insert(node.name).second) return "two nodes called " + node.name;
    if (i > 0 && node_fault(split, i) != "") return fmt::format("'{}' {}", node.name, node_fault(split, i));
    if (node.module != ModuleId::none && index_of(node.module) >= split.graph.modules.size())
      return fmt::format("'{}' is of no module", node.name);
    if (split.share_of[i] < 0 && node.type != graph.node(split.origin[i]).type)
      return fmt::format("'{}' gives {}", node.name, to_text(node.type));
  }
  return split.graph.node(split.graph.output).name == graph.node(graph.output).name ? "" : "another output";
}

double split_difference(const Graph& graph, const Weights& weights, const SplitDef& def, const SplitGraph& split,
                        const std::vector<std::vector<float>>& before, std::int64_t samples) {
  const std::vector<std::vector<float>> after = run_nodes(split.graph, def.weights(graph, split, weights), samples);
  double most = 0;
  for (std::size_t i = 0; i < after.size(); ++i)
    if (split.share_of[i] < 0) most = std::max(most, difference(after[i], before[index_of(split.origin[i])]));
  return most;
}

std::string refusal(const SplitDef& def, const Graph& graph, NodeId to, std::int64_t ways) {
  try {
    def.split(graph, to, ways);
  } catch (const OpError& error) {
    return error.what();
  }
  return "split";
}

}  // namespace cleave
