// The ranges of what int8 layers read, by two passes over some images: the largest, then a histogram up to it.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "engine/cli/quantization.h"
#include "engine/cli/stop.h"
#include "engine/runtime/flow.h"
#include "ops/core/catalog.h"
#include "ops/defs/int8_layer.h"

namespace cleave {

namespace {

constexpr std::size_t kBins = 4096;

struct NodeRange {
  NodeId node;
  double largest = 0;
  std::array<std::int64_t, kBins> counts{};
  std::int64_t total = 0;
};

bool can_be_int8(const Graph& graph, const Node& node) {
  if (node.op == nullptr) return false;
  const auto is_scale = [](const FieldDef& field) { return std::string_view(field.name) == kInputScaleField.name; };
  if (std::none_of(node.op->fields.begin(), node.op->fields.end(), is_scale)) return false;
  const Shape& kernel = node.weights.front().shape;
  if (element_count(kernel) / kernel.front() > kMostInt8Products) return false;
  const bool bits = graph.node(node.inputs.front()).type.dtype == DType::bit;
  return !bits || node.weight_type.grid == WeightType::Grid::real;
}

std::vector<NodeRange> nodes_of(const Graph& graph, const std::vector<std::string>& except) {
  std::vector<NodeRange> ranges;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!can_be_int8(graph, graph.nodes[i])) continue;
    names.push_back(graph.nodes[i].name);
    if (std::find(except.begin(), except.end(), names.back()) == except.end())
      ranges.push_back({.node = static_cast<NodeId>(i)});
  }
  for (const std::string& name : except) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string near = closest_name(name, names);
    throw UserError(fmt::format("--except {}: no conv2d or dense layer of that name{}", name,
                                near.empty() ? "" : fmt::format(", did you mean '{}'?", near)));
  }
  if (ranges.empty()) throw UserError("the network has no layer to compute in int8: conv2d and dense layers can be");
  return ranges;
}

// Shows the inputs of every layer, sample by sample, to see(range, values).
template <class See>
void for_inputs(const Trained& trained, const Samples& images, int threads, std::vector<NodeRange>& ranges,
                const See& see) {
  const Graph& graph = trained.model.graph;
  FlowOptions options{.batch = 16, .in_flight = 2, .threads = threads, .stop = &watch_signals()};
  Flow flow(graph, trained.weights, options);
  std::vector<std::int32_t> labels(static_cast<std::size_t>(options.batch));
  const auto source = [&](std::int64_t seq, TensorView input) { return fill_samples(images, seq, input, labels); };
  flow.run(source, [&](const FrameResult& result) {
    for (NodeRange& range : ranges) {
      const ConstTensorView input = result.output(graph.node(range.node).inputs.front());
      for (const float value : input.values()) see(range, std::abs(static_cast<double>(value)));
    }
  });
  if (options.stop->load()) throw Interrupted("stopped: nothing was written");
}

// The upper end of the bin below which `share` of the values lie.
double most_of(const NodeRange& range, double share) {
  if (share >= 1) return range.largest;
  const double wanted = share * static_cast<double>(range.total);
  std::int64_t below = 0;
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    below += range.counts[bin];
    if (static_cast<double>(below) >= wanted) return range.largest * static_cast<double>(bin + 1) / kBins;
  }
  return range.largest;
}

void add_node(std::vector<QuantizedLayer>& layers, const Node& node, const NodeRange& range, double share) {
  const auto same = [&](const QuantizedLayer& layer) {
    return layer.pos.file == node.pos.file && layer.pos.line == node.pos.line && layer.pos.col == node.pos.col;
  };
  auto found = std::find_if(layers.begin(), layers.end(), same);
  if (found == layers.end()) found = layers.insert(layers.end(), {.pos = node.pos});
  found->nodes.push_back(node.name);
  found->largest = std::max(found->largest, range.largest);
  found->most = std::max(found->most, most_of(range, share));
}

}  // namespace

std::vector<QuantizedLayer> calibrate(const Trained& trained, const Samples& images, const QuantizeOptions& options) {
  const Graph& graph = trained.model.graph;
  std::vector<NodeRange> ranges = nodes_of(graph, options.except);
  for_inputs(trained, images, options.threads, ranges,
             [](NodeRange& range, double value) { range.largest = std::max(range.largest, value); });
  if (options.share < 1)
    for_inputs(trained, images, options.threads, ranges, [](NodeRange& range, double value) {
      const double bin = range.largest > 0 ? value / range.largest * kBins : 0;
      ++range.counts[std::min(static_cast<std::size_t>(bin), kBins - 1)];
      ++range.total;
    });
  std::vector<QuantizedLayer> layers;
  for (const NodeRange& range : ranges) add_node(layers, graph.node(range.node), range, options.share);
  for (QuantizedLayer& layer : layers)
    layer.input_scale = fmt::format("{:.6g}", layer.most > 0 ? layer.most / static_cast<double>(kMostInt8) : 1.0);
  return layers;
}

}  // namespace cleave
