#include "graphs/export_onnx.h"

#include <bit>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <onnx/onnx.pb.h>

#include "ops/core/bytes.h"
#include "ops/core/error.h"

namespace cleave {

namespace {

constexpr std::int64_t kIrVersion = 7;  // the one that came with opset 13

void set_tensor(onnx::TensorProto& to, const std::string& name, const OnnxTensor& from) {
  to.set_name(name);
  for (const std::int64_t size : from.shape) to.add_dims(size);
  const bool reals = from.kind == OnnxTensor::Kind::reals;
  to.set_data_type(reals ? onnx::TensorProto::FLOAT : onnx::TensorProto::INT64);
  std::string bytes(reals ? 4 * from.reals.size() : 8 * from.integers.size(), '\0');
  auto* at = reinterpret_cast<std::uint8_t*>(bytes.data());
  for (std::size_t i = 0; i < from.reals.size(); ++i)
    store_little_endian(std::bit_cast<std::uint32_t>(from.reals[i]), at + 4 * i);
  for (std::size_t i = 0; i < from.integers.size(); ++i)
    store_little_endian(static_cast<std::uint64_t>(from.integers[i]), at + 8 * i);
  to.set_raw_data(std::move(bytes));
}

void set_value(onnx::ValueInfoProto& to, const OnnxValue& from) {
  to.set_name(from.name);
  onnx::TypeProto::Tensor& type = *to.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  for (const OnnxSize& size : from.shape) {
    onnx::TensorShapeProto::Dimension& dimension = *type.mutable_shape()->add_dim();
    if (size.value >= 0) dimension.set_dim_value(size.value);
    else dimension.set_dim_param(size.name);
  }
}

void set_attribute(onnx::AttributeProto& to, const OnnxAttribute& from) {
  to.set_name(from.name);
  switch (from.kind) {
    case OnnxAttribute::Kind::integer:
      to.set_type(onnx::AttributeProto::INT);
      to.set_i(from.integer);
      break;
    case OnnxAttribute::Kind::real:
      to.set_type(onnx::AttributeProto::FLOAT);
      to.set_f(from.real);
      break;
    default:
      to.set_type(onnx::AttributeProto::INTS);
      for (const std::int64_t value : from.integers) to.add_ints(value);
  }
}

void set_node(onnx::NodeProto& to, const OnnxNode& from) {
  to.set_name(from.name);
  to.set_op_type(from.op);
  for (const std::string& name : from.inputs) to.add_input(name);
  for (const std::string& name : from.outputs) to.add_output(name);
  for (const OnnxAttribute& attribute : from.attributes) set_attribute(*to.add_attribute(), attribute);
}

}  // namespace

Bytes onnx_bytes(const OnnxGraph& graph) {
  std::size_t weights = 0;
  for (const auto& [name, tensor] : graph.constants) weights += 4 * tensor.reals.size();
  constexpr std::size_t kMost = std::numeric_limits<int>::max() - (1 << 24);
  if (weights > kMost) throw UserError(fmt::format("the weights have {} bytes, an ONNX file at most 2 GiB", weights));
  onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("cleave");
  model.set_producer_version(CLEAVE_VERSION);
  model.add_opset_import()->set_version(kWrittenOpset);
  onnx::GraphProto& to = *model.mutable_graph();
  to.set_name(graph.name);
  for (const OnnxValue& value : graph.inputs) set_value(*to.add_input(), value);
  for (const OnnxValue& value : graph.outputs) set_value(*to.add_output(), value);
  for (const auto& [name, tensor] : graph.constants) set_tensor(*to.add_initializer(), name, tensor);
  for (const OnnxNode& node : graph.nodes) set_node(*to.add_node(), node);
  Bytes bytes(model.ByteSizeLong());
  model.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace cleave
