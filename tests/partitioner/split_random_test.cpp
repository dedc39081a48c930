// The exact splits of random graphs: odd sizes, strides, padding on one side, groups, pools, residuals, concats and
// slices along any axis, dead ends. The bits stay the same.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ops/core/catalog.h"
#include "ops/core/rng.h"
#include "tests/partitioner/split_check.h"

namespace cleave {
namespace {

constexpr std::int64_t kSamples = 2;
constexpr std::int64_t kMostValues = 3000;  // of a node

class RandomGraph {
 public:
  explicit RandomGraph(std::uint64_t seed) : rng_(seed, kTestStream, 0) {
    Node input;
    input.name = "input";
    input.part = Part::input;
    input.type = {DType::f32, {1 + rng_.below(6), 1 + rng_.below(14), 1 + rng_.below(9)}};
    graph_.nodes.push_back(input);
  }

  // Returns a graph of one module, all of it head, that ends with the last node.
  Graph make(std::int64_t layers) {
    for (std::int64_t i = 0; i < layers; ++i) add_layer();
    if (rng_.below(3) == 0) add("flatten", {}, {last()});
    if (rng_.below(3) == 0) add_layer();
    const NodeId end = last();
    graph_.modules.push_back({.name = "", .input = NodeId{0}, .body = NodeId{0}, .head = end});
    graph_.output = end;
    return graph_;
  }

 private:
  using Values = std::vector<std::pair<const char*, ParamValue>>;

  NodeId last() const { return NodeId{static_cast<std::int32_t>(graph_.nodes.size() - 1)}; }
  const Shape& shape(NodeId id) const { return graph_.node(id).type.shape; }
  bool coin() { return rng_.below(2) == 0; }

  void add_layer() {
    switch (rng_.below(12)) {
      case 0:
      case 1:
      case 2: return add_convolution();
      case 3: return add_pool();
      case 4: return add(one_of({"relu", "tanh", "sign", "softmax", "dropout", "sigmoid"}), {}, {last()});
      case 5: return add("batch_norm", {}, {last()});
      case 6: return add_padding();
      case 7:
      case 8: return add_join("add");
      case 9: return add_join("concat");
      case 10: return add_slice();
      default: return is_image(shape(last())) ? add_reshape() : add_dense();
    }
  }

  const char* one_of(std::vector<const char*> words) {
    return words[static_cast<std::size_t>(rng_.below(std::ssize(words)))];
  }

  void add_convolution() {
    const std::int64_t channels = channels_of(shape(last()));
    std::int64_t groups = 1 + rng_.below(4);
    if (channels % groups != 0) groups = coin() ? channels : 1;
    Values values{{"filters", groups * (1 + rng_.below(5))},
                  {"kernel", 1 + rng_.below(4)},
                  {"groups", groups},
                  {"stride", 1 + rng_.below(3)},
                  {"bias", coin()}};
    values.emplace_back("padding", coin() ? ParamValue{std::string("same")} : ParamValue{rng_.below(6)});
    if (rng_.below(4) == 0) values.emplace_back("padding_rows", Shape{rng_.below(4), rng_.below(4)});
    add("conv2d", values, {last()});
  }

  void add_pool() {
    const std::int64_t size = 1 + rng_.below(3);
    Values values{{"size", size}, {"stride", 1 + rng_.below(4)}, {"padding", rng_.below(size)}};
    if (rng_.below(4) == 0) values.emplace_back("padding_rows", Shape{rng_.below(size), rng_.below(size)});
    if (rng_.below(9) == 0) values = {{"size", std::string("all")}};
    add(one_of({"max_pool", "mean_pool"}), values, {last()});
  }

  void add_padding() {
    Values values{{"size", rng_.below(4)}};
    if (coin()) values.emplace_back("rows", Shape{rng_.below(7), rng_.below(3)});
    add("pad", values, {last()});
  }

  void add_dense() { add("dense", {{"units", 1 + rng_.below(12)}, {"bias", coin()}}, {last()}); }

  void add_reshape() {
    const Shape& now = shape(last());
    add("reshape", {{"shape", coin() ? Shape{now[1], now[0], now[2]} : Shape{now[0] * now[1], 1, now[2]}}}, {last()});
  }

  void add_slice() {
    const auto axis = static_cast<std::size_t>(rng_.below(std::ssize(shape(last()))));
    const std::int64_t from = rng_.below(shape(last())[axis]);
    const std::int64_t to = from + 1 + rng_.below(shape(last())[axis] - from);
    add("slice", {{"axis", static_cast<std::int64_t>(axis)}, {"from", from}, {"to", to}}, {last()});
  }

  // Reads the last node and one or two others that fit.
  void add_join(const std::string& op) {
    Values values;
    if (op == "concat") values = {{"axis", rng_.below(std::ssize(shape(last())))}};
    for (std::int64_t tries = 0; tries < 8; ++tries) {
      std::vector<NodeId> inputs{last(), any()};
      if (coin()) inputs.push_back(any());
      if (coin()) std::reverse(inputs.begin(), inputs.end());
      const std::size_t before = graph_.nodes.size();
      add(op.c_str(), values, inputs);
      if (graph_.nodes.size() > before) return;
    }
  }

  NodeId any() { return NodeId{static_cast<std::int32_t>(rng_.below(std::ssize(graph_.nodes)))}; }

  // Adds nothing where the op does not fit.
  void add(const std::string& op, const Values& values, const std::vector<NodeId>& inputs) {
    Node node;
    node.name = fmt::format("{}_{}", op, graph_.nodes.size());
    node.op = find(op_catalog(), op);
    for (const auto& [name, value] : values) node.params.set(name, value);
    node.inputs = inputs;
    node.module = ModuleId{0};
    node.part = Part::head;
    if (coin()) node.weight_type = {WeightType::Grid::sign, 1, coin()};
    const std::vector<TensorType> types = input_types(graph_, node);
    try {
      node.type = node.op->infer(node.params, types);
      if (node.op->weights != nullptr) node.weights = node.op->weights(node.params, types, node.weight_type);
    } catch (const OpError&) {
      return;
    }
    if (element_count(node.type.shape) > kMostValues) return;
    node.cost = node.op->cost(node.params, types, node.type, node.weight_type, 1);
    graph_.nodes.push_back(node);
  }

  Rng rng_;
  Graph graph_;
};

struct Tally {
  int split = 0, refused = 0;
};

void check_splits(const Graph& graph, const SplitDef& def, Tally& tally) {
  const Weights weights = random_weights(graph, 5);
  const std::vector<std::vector<float>> before = run_nodes(graph, weights, kSamples);
  for (std::size_t i = 1; i < graph.nodes.size(); ++i) {
    const NodeId to{static_cast<std::int32_t>(i)};
    if (!can_split_at(graph, to)) continue;
    const std::int64_t ways = 2 + static_cast<std::int64_t>(i) % 4;
    if (refusal(def, graph, to, ways) != "split") {
      ++tally.refused;
      continue;
    }
    ++tally.split;
    const SplitGraph split = def.split(graph, to, ways);
    ASSERT_EQ(split_fault(graph, split, ways), "") << graph.node(to).name << " by " << ways;
    ASSERT_EQ(split_difference(graph, weights, def, split, before, kSamples), 0)
        << graph.node(to).name << " by " << ways;
  }
}

Tally check_random_graphs(const char* kind, std::uint64_t count) {
  Tally tally;
  for (std::uint64_t seed = 0; seed < count && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    check_splits(RandomGraph(seed).make(3 + static_cast<std::int64_t>(seed % 9)), split_def(kind), tally);
  }
  return tally;
}

TEST(SplitOfRandomGraphs, FiltersKeepTheBits) {
  const Tally tally = check_random_graphs("filters", 400);
  EXPECT_GE(tally.split, 1000) << tally.refused << " refused";
}

TEST(SplitOfRandomGraphs, TilesKeepTheBits) {
  const Tally tally = check_random_graphs("tiles", 400);
  EXPECT_GE(tally.split, 600) << tally.refused << " refused";
}

// Branches are another function, but every layer gets the weights it has slots for.
std::string branches_fault(const Graph& graph, NodeId to, std::int64_t ways) {
  const SplitDef& def = split_def("branches");
  const SplitGraph split = def.split(graph, to, ways);
  const Weights weights = def.weights(graph, split, random_weights(graph, 5));
  for (std::size_t i = 0; i < weights.size(); ++i)
    for (std::size_t a = 0; a < split.graph.nodes[i].weights.size(); ++a)
      if (std::ssize(weights[i].arrays.at(a)) != element_count(split.graph.nodes[i].weights[a].shape))
        return "too few or many weights of " + split.graph.nodes[i].name;
  return split_fault(graph, split, ways);
}

TEST(SplitOfRandomGraphs, BranchesAreSoundAndHaveAllTheirWeights) {
  int split = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Graph graph = RandomGraph(seed).make(2 + static_cast<std::int64_t>(seed % 6));
    for (std::size_t i = 1; i < graph.nodes.size(); ++i) {
      const NodeId to{static_cast<std::int32_t>(i)};
      if (refusal(split_def("branches"), graph, to, 2) != "split") continue;
      ++split;
      ASSERT_EQ(branches_fault(graph, to, 2), "") << "seed " << seed << " at " << graph.node(to).name;
    }
  }
  EXPECT_GE(split, 200);
}

}  // namespace
}  // namespace cleave
