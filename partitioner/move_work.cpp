// Which part of the forward work a move repeats.
//
// The changed layer: its products stand to all of them as the changed weights to all weights (one filter of 32: 1/32,
// 363 weights of a dense layer: 363 products). From it a share c of the channels goes on changed. Ops that keep
// channels apart (elementwise, pooling, reshaping …) repeat the share c and pass it on. A dense or convolutional layer
// repeats the products with the changed channels, a rank-k update that costs c of its work, and all its outputs change:
// behind it everything is repeated. The expected number of channels that N weights drawn out of K touch, k weights a
// channel, is hypergeometric: each channel is missed with probability C(K-k, N) / C(K, N). O(nodes) a layer.
//
// A flip turns only some of the selected weights round; biases and scales of binary layers, moved once in twenty steps,
// are left out.
#include "partitioner/move_work.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace cleave {

namespace {

// What a selector takes of a layer's matrix of `filters` rows.
struct Selected {
  double filters = 1;  // rows it draws from
  double of_each = 1;  // weights of each of these it draws from
  double weights = 1;  // drawn
};

struct Matrix {
  double filters = 1, of_each = 1;

  double weights() const { return filters * of_each; }
};

// The kernel; of a layer without one (batch norm) its gains and biases.
Matrix matrix_of(const Node& node) {
  Matrix matrix{static_cast<double>(node.weights.front().shape.front()), 0};
  const bool kernel = std::any_of(node.weights.begin(), node.weights.end(),
                                  [](const WeightSlot& slot) { return slot.role == Role::kernel; });
  for (const WeightSlot& slot : node.weights)
    if (kernel ? slot.role == Role::kernel : slot.role == Role::gain || slot.role == Role::bias)
      matrix.of_each += static_cast<double>(element_count(slot.shape)) / matrix.filters;
  return matrix;
}

double integer(const Law& law, const char* name) { return static_cast<double>(law.params.integer(name, 1)); }

Selected selected_by(const Law& select, const Matrix& matrix) {
  const std::string_view name = select.name;
  if (name == "one_filter" || name == "one_unit") return {1, matrix.of_each, matrix.of_each};
  if (name == "layer") return {matrix.filters, matrix.of_each, matrix.weights()};
  if (name == "block") {
    const double rows = std::min(integer(select, "rows"), matrix.filters);
    const double cols = std::min(integer(select, "cols"), matrix.of_each);
    return {rows, cols, rows * cols};
  }
  const double count = name == "uniform" ? integer(select, "count") : 1;  // one weight where nothing is stated
  return {matrix.filters, matrix.of_each, std::min(count, matrix.weights())};
}

// How many of the selected weights a proposal changes.
double changed_of(const Node& node, double selected) {
  if (!node.weight_type.is_binary()) return selected;
  const Params& params = node.rule.proposal.params;
  if (node.rule.proposal.name == "flip" && params.has("probability")) return selected * params.real("probability");
  const bool flip = node.rule.proposal.name == "flip" || node.rule.proposal.name.empty();
  return flip ? std::min(selected, static_cast<double>(params.integer("count", 1))) : selected;
}

// The share of the rows drawn from that `count` weights touch.
double touched(const Selected& selected, double count) {
  const double all = selected.filters * selected.of_each;
  if (count <= 1) return count / selected.filters;
  if (count > all - selected.of_each) return 1;
  const auto log_choose = [](double n, double k) {
    return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
  };
  return 1 - std::exp(log_choose(all - selected.of_each, count) - log_choose(all, count));
}

bool has_products(const Node& node) { return node.cost.mult_adds > 0 || node.cost.binary_ops > 0; }

// The share of a node's input channels that changed: of parallel inputs (add) the largest, of a concat the mean.
double changed_inputs(const Graph& graph, const Node& node, const std::vector<double>& changed) {
  const bool joined = std::string_view(node.op->name) == "concat";
  double largest = 0, elements = 0, all = 0;
  for (const NodeId input : node.inputs) {
    const auto count = static_cast<double>(element_count(graph.node(input).type.shape));
    largest = std::max(largest, changed[index_of(input)]);
    elements += changed[index_of(input)] * count;
    all += count;
  }
  return joined && all > 0 ? elements / all : largest;
}

// The share of a node's channels that change when the share `inputs` of its input's does.
double passed_on(const Graph& graph, const Node& node, double inputs) {
  if (inputs <= 0) return 0;
  if (std::string_view(node.op->name) == "softmax") return 1;
  if (!has_products(node)) return inputs;
  const auto groups = static_cast<double>(node.params.integer("groups", 1));
  const auto channels = static_cast<double>(channels_of(graph.node(node.inputs.front()).type.shape));
  return std::clamp(std::ceil(inputs * channels - 1e-9), 1.0, groups) / groups;
}

}  // namespace

std::vector<double> move_shares(const Graph& graph, NodeId layer) {
  std::vector<double> shares(graph.nodes.size()), changed(graph.nodes.size());
  const Node& moved = graph.node(layer);
  const Matrix matrix = matrix_of(moved);
  const Selected selected = selected_by(moved.rule.select, matrix);
  const double count = changed_of(moved, selected.weights);
  changed[index_of(layer)] = touched(selected, count) * selected.filters / matrix.filters;
  shares[index_of(layer)] = has_products(moved) ? count / matrix.weights() : changed[index_of(layer)];
  for (std::size_t i = index_of(layer) + 1; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.module != moved.module || node.op == nullptr) continue;
    const double inputs = changed_inputs(graph, node, changed);
    changed[i] = passed_on(graph, node, inputs);
    shares[i] = has_products(node) ? inputs : changed[i];
  }
  return shares;
}

std::vector<NodeId> moved_layers(const Graph& graph, ModuleId module, Part part) {
  std::vector<NodeId> layers;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const bool learns = std::any_of(node.weights.begin(), node.weights.end(),
                                    [](const WeightSlot& slot) { return slot.role != Role::statistic; });
    if (node.module == module && node.part == part && learns) layers.push_back(static_cast<NodeId>(i));
  }
  return layers;
}

std::vector<double> step_shares(const Graph& graph, ModuleId module, const PickRule& pick) {
  const std::vector<NodeId> body = moved_layers(graph, module, Part::body);
  const std::vector<NodeId> head = moved_layers(graph, module, Part::head);
  // A part picked with weight zero is left out only while the other one has layers.
  const double of_body = body.empty() ? 0 : head.empty() ? 1 : pick.body;
  const double of_head = head.empty() ? 0 : body.empty() ? 1 : pick.head;
  std::vector<double> mean(graph.nodes.size());
  for (const auto& [layers, weight] : {std::pair(&body, of_body), std::pair(&head, of_head)})
    for (const NodeId layer : *layers) {
      const std::vector<double> shares = move_shares(graph, layer);
      const double part = weight / (of_body + of_head) / static_cast<double>(layers->size());
      for (std::size_t i = 0; i < shares.size(); ++i) mean[i] += part * shares[i];
    }
  return mean;
}

double shared_products(const Graph& graph, const std::vector<double>& shares) {
  double products = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    products += shares[i] * static_cast<double>(graph.nodes[i].cost.mult_adds + graph.nodes[i].cost.binary_ops);
  return products;
}

}  // namespace cleave
