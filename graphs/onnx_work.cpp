#include "graphs/onnx_work.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ops/core/catalog.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

const OnnxAttribute* attribute_of(const OnnxNode& node, std::string_view name, OnnxAttribute::Kind kind) {
  const OnnxAttribute* attribute = find_attribute(node, name);
  if (attribute != nullptr && attribute->kind != kind)
    throw OpError(fmt::format("its attribute '{}' is of the wrong kind", name));
  return attribute;
}

void check_finite(const std::string& name, const std::vector<float>& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      throw OpError(fmt::format("its weights '{}' are not finite: value {} is {}", printable(name), i, values[i]));
}

const OnnxTensor& constant_input(const OnnxWork& work, const OnnxNode& node, std::size_t i) {
  const OnnxTensor* tensor = has_input(node, i) ? constant_of(work, node.inputs[i]) : nullptr;
  if (tensor != nullptr) return *tensor;
  throw OpError(has_input(node, i) ? fmt::format("its input {} '{}' must be constant", i, printable(node.inputs[i]))
                                   : fmt::format("lacks its input {}", i));
}

}  // namespace

const OnnxAttribute* find_attribute(const OnnxNode& node, std::string_view name) {
  for (const OnnxAttribute& attribute : node.attributes)
    if (attribute.name == name) return &attribute;
  return nullptr;
}

std::int64_t integer_of(const OnnxNode& node, std::string_view name, std::int64_t fallback) {
  const OnnxAttribute* attribute = attribute_of(node, name, OnnxAttribute::Kind::integer);
  return attribute == nullptr ? fallback : attribute->integer;
}

double real_of(const OnnxNode& node, std::string_view name, double fallback) {
  const OnnxAttribute* attribute = attribute_of(node, name, OnnxAttribute::Kind::real);
  return attribute == nullptr ? fallback : static_cast<double>(attribute->real);
}

std::string text_of(const OnnxNode& node, std::string_view name, const std::string& fallback) {
  const OnnxAttribute* attribute = attribute_of(node, name, OnnxAttribute::Kind::text);
  return attribute == nullptr ? fallback : attribute->text;
}

std::vector<std::int64_t> integers_of(const OnnxNode& node, std::string_view name, std::vector<std::int64_t> fallback) {
  const OnnxAttribute* attribute = attribute_of(node, name, OnnxAttribute::Kind::integers);
  return attribute == nullptr ? std::move(fallback) : attribute->integers;
}

bool has_input(const OnnxNode& node, std::size_t i) { return i < node.inputs.size() && !node.inputs[i].empty(); }

const OnnxTensor* constant_of(const OnnxWork& work, const std::string& name) {
  const auto folded = work.folded.find(name);
  if (folded != work.folded.end()) return &folded->second;
  const auto constant = work.source.constants.find(name);
  return constant == work.source.constants.end() ? nullptr : &constant->second;
}

const std::vector<std::int64_t>& constant_integers(const OnnxWork& work, const OnnxNode& node, std::size_t i) {
  const OnnxTensor& tensor = constant_input(work, node, i);
  if (tensor.kind == OnnxTensor::Kind::integers && tensor.shape.size() <= 1) return tensor.integers;
  throw OpError(fmt::format("its input {} '{}' must be a list of whole numbers", i, printable(node.inputs[i])));
}

const OnnxTensor& constant_reals(const OnnxWork& work, const OnnxNode& node, std::size_t i) {
  const OnnxTensor& tensor = constant_input(work, node, i);
  if (tensor.kind != OnnxTensor::Kind::reals)
    throw OpError(fmt::format("its input {} '{}' must be of real numbers", i, printable(node.inputs[i])));
  check_finite(node.inputs[i], tensor.reals);
  return tensor;
}

OnnxFlow flow_of(const OnnxWork& work, const OnnxNode& node, std::size_t i) {
  if (!has_input(node, i)) throw OpError(fmt::format("lacks its input {}", i));
  const auto found = work.flows.find(node.inputs[i]);
  if (found == work.flows.end())
    throw OpError(fmt::format("its input {} '{}' is constant", i, printable(node.inputs[i])));
  OnnxFlow flow = found->second;
  flow.shared = flow.shared || work.readers.at(node.inputs[i]) > 1;
  return flow;
}

void set_flow(OnnxWork& work, const OnnxNode& node, OnnxFlow flow, std::size_t i) {
  work.flows[node.outputs.at(i)] = std::move(flow);
}

NodeId add_node(OnnxWork& work, const std::string& op, const Params& params, const std::vector<NodeId>& inputs,
                const std::string& name, std::vector<std::vector<float>> arrays) {
  constexpr std::size_t kMostLayers = 40'000;
  if (work.graph.nodes.size() > kMostLayers)
    throw OpError(fmt::format("would be a layer behind the {}th", kMostLayers));
  Node node;
  node.name = name;
  node.op = find(op_catalog(), op);
  node.params = params;
  node.inputs = inputs;
  node.module = ModuleId{0};
  node.part = Part::head;
  std::vector<TensorType> types;
  for (const NodeId id : inputs) types.push_back(work.graph.node(id).type);
  node.type = node.op->infer(params, types);
  if (node.op->weights != nullptr) node.weights = node.op->weights(params, types, {});
  if (arrays.size() != node.weights.size()) throw OpError("has weights of another number than its layer");
  for (std::size_t a = 0; a < arrays.size(); ++a)
    if (static_cast<std::int64_t>(arrays[a].size()) != element_count(node.weights[a].shape))
      throw OpError(fmt::format("has {} values for '{}', its layer has {}", arrays[a].size(), node.weights[a].name,
                                to_text(node.weights[a].shape)));
  node.cost = node.op->cost(params, types, node.type, {}, 1);
  work.read.insert(inputs.begin(), inputs.end());
  work.graph.nodes.push_back(std::move(node));
  work.weights.push_back({{}, std::move(arrays)});
  return NodeId{static_cast<std::int32_t>(work.graph.nodes.size() - 1)};
}

void count_made(OnnxWork& work, std::size_t count) {
  constexpr std::size_t kMostMade = std::size_t{1} << 27;
  if (count > kMostMade - work.made) throw OpError("needs too many zeros or ones in the weights of its layer");
  work.made += count;
}

const Shape& shape_of(const OnnxWork& work, NodeId node) { return work.graph.node(node).type.shape; }

OnnxFlow flow_from(const OnnxWork& work, NodeId node) { return {.node = node, .shape = shape_of(work, node)}; }

std::string onnx_shape_text(const Shape& shape) {
  return shape.empty() ? "[N]" : fmt::format("[N, {}]", fmt::join(shape, ", "));
}

// The name of the weights says more than the node's: PyTorch calls them by the module they belong to.
std::string layer_name(const OnnxNode& node, const std::string& weight) {
  std::string name = weight;
  for (const std::string_view end : {".weight", "_weight", ".kernel", ".W", "_W"})
    if (name.ends_with(end)) name.resize(name.size() - end.size());
  const bool telling = name.size() < weight.size() && name.find("::") == std::string::npos;
  return telling ? name : node.name;
}

}  // namespace cleave
