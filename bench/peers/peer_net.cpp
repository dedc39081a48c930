#include "bench/peers/peer_net.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ops/core/rng.h"

namespace cleave {

namespace {

std::vector<float> array_of(const Node& node, const LayerWeights& layer, const char* slot) {
  for (std::size_t i = 0; i < node.weights.size(); ++i)
    if (std::string(node.weights[i].name) == slot) return layer.arrays[i];
  return {};
}

PeerOp op_of(const Node& node) {
  const std::string name = node.op->name;
  if (name == "conv2d") return PeerOp::conv;
  if (name == "mean_pool") return PeerOp::mean_pool;
  if (name == "dense") return PeerOp::dense;
  throw std::runtime_error(fmt::format("the peers have no '{}'", name));
}

PeerLayer layer_of(const Graph& graph, const Node& node, const LayerWeights& weights) {
  PeerLayer layer;
  layer.op = op_of(node);
  const Shape& in = graph.node(node.inputs.front()).type.shape;
  layer.channels_in = in.front();
  layer.channels_out = node.type.shape.front();
  layer.size_in = is_image(in) ? in.back() : 1;
  layer.size_out = is_image(node.type.shape) ? node.type.shape.back() : 1;
  layer.kernel = layer.op == PeerOp::conv ? node.params.integer("kernel") : 1;
  layer.stride = layer.op == PeerOp::conv ? node.params.integer("stride", 1) : 1;
  layer.relu = node.epilogue.activation != nullptr;
  layer.selects = node.name.find("select") != std::string::npos;
  layer.weights = array_of(node, weights, "weight");
  layer.bias = array_of(node, weights, "bias");
  layer.bias.resize(static_cast<std::size_t>(layer.channels_out));
  return layer;
}

const char* to_text(PeerOp op) {
  constexpr const char* kNames[] = {"conv", "mean_pool", "dense"};
  return kNames[static_cast<int>(op)];
}

}  // namespace

PeerNet peer_net(const Graph& graph, const Weights& weights) {
  PeerNet net;
  net.name = graph.name;
  net.channels = graph.nodes.front().type.shape.front();
  net.size = graph.nodes.front().type.shape.back();
  std::map<NodeId, int> values{{NodeId{0}, 0}};
  for (std::size_t i = 1; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const NodeId id{static_cast<std::int32_t>(i)};
    if (std::string(node.op->name) == "flatten") {
      values[id] = values.at(node.inputs.front());
      continue;
    }
    PeerLayer layer = layer_of(graph, node, weights[i]);
    layer.input = values.at(node.inputs.front());
    if (node.epilogue.add != NodeId::none) layer.add = values.at(node.epilogue.add);
    net.flops += layer.selects ? 0 : 2 * static_cast<double>(node.cost.mult_adds);
    net.layers.push_back(std::move(layer));
    values[id] = static_cast<int>(net.layers.size());
  }
  return net;
}

PeerInput peer_input(const PeerNet& net, std::int64_t batch) {
  Rng rng(7, kDataStream, 0);
  PeerInput input{batch, std::vector<float>(static_cast<std::size_t>(batch * net.input_count())), {}};
  for (float& value : input.nchw) value = static_cast<float>(2 * rng.uniform() - 1);
  input.nhwc = to_nhwc(input.nchw.data(), batch, net.channels, net.size * net.size);
  return input;
}

std::vector<float> to_nhwc(const float* values, std::int64_t batch, std::int64_t channels, std::int64_t pixels) {
  std::vector<float> turned;
  turned.reserve(static_cast<std::size_t>(batch * channels * pixels));
  for (std::int64_t i = 0; i < batch; ++i)
    for (std::int64_t p = 0; p < pixels; ++p)
      for (std::int64_t c = 0; c < channels; ++c) turned.push_back(values[(i * channels + c) * pixels + p]);
  return turned;
}

double relative_difference(const std::vector<float>& values, const std::vector<float>& right) {
  if (values.size() != right.size()) return INFINITY;
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double difference = std::abs(static_cast<double>(values[i]) - right[i]);
    worst = difference <= worst ? worst : difference;  // keeps a NaN
    largest = std::max(largest, std::abs(static_cast<double>(right[i])));
  }
  return worst / largest;
}

void write_peer_net(const std::string& folder, const PeerNet& net, const PeerInput& input) {
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/" + net.name;
  std::ofstream data(path + ".bin", std::ios::binary);
  const auto write = [&](const std::vector<float>& values) {
    data.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(4 * values.size()));
  };
  nlohmann::json layers = nlohmann::json::array();
  for (const PeerLayer& layer : net.layers) {
    layers.push_back({{"op", to_text(layer.op)},
                      {"input", layer.input},
                      {"add", layer.add},
                      {"in", layer.channels_in},
                      {"out", layer.channels_out},
                      {"size", layer.size_out},
                      {"kernel", layer.kernel},
                      {"stride", layer.stride},
                      {"relu", layer.relu},
                      {"selects", layer.selects}});
    write(layer.weights);
    if (layer.op != PeerOp::mean_pool) write(layer.bias);
  }
  write(input.nchw);
  std::ofstream(path + ".json") << nlohmann::json{
      {"channels", net.channels}, {"size", net.size}, {"samples", input.batch}, {"layers", layers}};
  if (!data) throw std::runtime_error("cannot write " + path);
}

}  // namespace cleave
