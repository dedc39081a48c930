#include "graphs/import_onnx.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <onnx/onnx.pb.h>

#include "graphs/onnx_tensor.h"
#include "graphs/onnx_wire.h"
#include "ops/core/error.h"

namespace cleave {

namespace {

constexpr int kMostNodes = 20'000;

class Reader {
 public:
  Reader(std::string path, std::string folder) : path_(std::move(path)), folder_(std::move(folder)) {}

  OnnxGraph read(const onnx::ModelProto& model) {
    if (!model.has_graph() || model.graph().node_size() == 0) refuse("it holds no graph");
    const onnx::GraphProto& from = model.graph();
    if (from.node_size() > kMostNodes)
      refuse(fmt::format("it has {} nodes, at most {} are read", from.node_size(), kMostNodes));
    OnnxGraph graph;
    graph.name = from.name();
    graph.opset = opset_of(model);
    for (const onnx::TensorProto& tensor : from.initializer())
      if (!graph.constants.emplace(tensor.name(), tensor_of(tensor, tensor.name())).second)
        refuse(fmt::format("two weights are called '{}'", printable(tensor.name())));
    if (from.sparse_initializer_size() > 0) refuse("it has sparse weights, which are not taken: store them dense");
    for (const onnx::ValueInfoProto& value : from.input())
      if (graph.constants.count(value.name()) == 0) graph.inputs.push_back(value_of(value));
    for (const onnx::ValueInfoProto& value : from.output()) graph.outputs.push_back(value_of(value));
    for (const onnx::NodeProto& node : from.node()) graph.nodes.push_back(node_of(node));
    return graph;
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw UserError(fmt::format("{}: {}", path_, why), ExitCode::invalid_model);
  }

 private:
  std::int64_t opset_of(const onnx::ModelProto& model) const {
    std::int64_t opset = model.opset_import_size() == 0 ? 1 : 0;  // the format says so
    for (const onnx::OperatorSetIdProto& set : model.opset_import())
      if (set.domain().empty() || set.domain() == "ai.onnx") opset = std::max<std::int64_t>(opset, set.version());
    if (opset > kNewestOpset)
      refuse(fmt::format("it is written for opset {}, the newest one taken is {}: export it with opset_version={}",
                         opset, kNewestOpset, kNewestOpset));
    if (opset < kOldestOpset)
      refuse(
          fmt::format("it is written for opset {}, the oldest one taken is {}: export it anew, or use ONNX's "
                      "version converter",
                      opset, kOldestOpset));
    return opset;
  }

  OnnxTensor tensor_of(const onnx::TensorProto& tensor, const std::string& name) const {
    TensorBytes bytes;
    bytes.name = name;
    bytes.shape.assign(tensor.dims().begin(), tensor.dims().end());
    bytes.type = tensor.data_type();
    if (tensor.has_segment()) refuse(fmt::format("'{}' is stored in segments, which are not taken", printable(name)));
    if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
      ExternalBytes where{name, "", 0, -1};
      for (const onnx::StringStringEntryProto& entry : tensor.external_data())
        set_external(where, entry.key(), entry.value(), path_);
      return read_external(bytes, where, path_, folder_);
    }
    if (tensor.has_raw_data()) {
      bytes.raw = ByteSpan(reinterpret_cast<const std::uint8_t*>(tensor.raw_data().data()), tensor.raw_data().size());
      return decode_tensor(bytes, path_);
    }
    OnnxTensor values;
    values.shape = bytes.shape;
    if (tensor.float_data_size() > 0) values.reals.assign(tensor.float_data().begin(), tensor.float_data().end());
    for (const double value : tensor.double_data()) values.reals.push_back(static_cast<float>(value));
    values.integers.assign(tensor.int64_data().begin(), tensor.int64_data().end());
    values.integers.insert(values.integers.end(), tensor.int32_data().begin(), tensor.int32_data().end());
    return settle_tensor(std::move(values), bytes, path_);
  }

  OnnxAttribute attribute_of(const onnx::AttributeProto& from, const std::string& owner) const {
    OnnxAttribute to;
    to.name = from.name();
    switch (from.type()) {
      case onnx::AttributeProto::INT: to.integer = from.i(); break;
      case onnx::AttributeProto::FLOAT: to.kind = OnnxAttribute::Kind::real; break;
      case onnx::AttributeProto::STRING: to.kind = OnnxAttribute::Kind::text; break;
      case onnx::AttributeProto::INTS: to.kind = OnnxAttribute::Kind::integers; break;
      case onnx::AttributeProto::FLOATS: to.kind = OnnxAttribute::Kind::reals; break;
      case onnx::AttributeProto::TENSOR: to.kind = OnnxAttribute::Kind::tensor; break;
      default: to.kind = OnnxAttribute::Kind::other;
    }
    to.real = from.f();
    to.text = from.s();
    to.integers.assign(from.ints().begin(), from.ints().end());
    to.reals.assign(from.floats().begin(), from.floats().end());
    if (to.kind == OnnxAttribute::Kind::tensor) to.tensor = tensor_of(from.t(), owner);
    return to;
  }

  OnnxNode node_of(const onnx::NodeProto& from) const {
    OnnxNode to{from.name(), from.op_type(), from.domain() == "ai.onnx" ? "" : from.domain(), {}, {}, {}};
    to.inputs.assign(from.input().begin(), from.input().end());
    to.outputs.assign(from.output().begin(), from.output().end());
    const std::string owner = to.outputs.empty() ? to.name : to.outputs.front();
    for (const onnx::AttributeProto& attribute : from.attribute())
      to.attributes.push_back(attribute_of(attribute, owner));
    return to;
  }

  static OnnxValue value_of(const onnx::ValueInfoProto& from) {
    OnnxValue to;
    to.name = from.name();
    const onnx::TypeProto::Tensor& type = from.type().tensor_type();
    to.reals = from.type().has_tensor_type() && type.elem_type() == onnx::TensorProto::FLOAT;
    to.has_shape = from.type().has_tensor_type() && type.has_shape();
    for (const onnx::TensorShapeProto::Dimension& size : type.shape().dim())
      to.shape.push_back({size.has_dim_value() ? size.dim_value() : -1, size.dim_param()});
    return to;
  }

  std::string path_, folder_;
};

}  // namespace

bool has_onnx() { return true; }

OnnxGraph parse_onnx(ByteSpan file, const std::string& path, const std::string& folder) {
  const Reader reader(path, folder);
  if (file.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    reader.refuse("an ONNX file of 2 GiB or more is not sound: its weights must be stored beside it");
  check_onnx_bytes(file, path);
  onnx::ModelProto model;
  google::protobuf::io::CodedInputStream stream(file.data(), static_cast<int>(file.size()));
  if (!model.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    reader.refuse("not a sound ONNX file: its protobuf cannot be read");
  return Reader(path, folder).read(model);
}

OnnxGraph read_onnx(const std::string& path) {
  const MappedFile file(path);
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return parse_onnx(file.bytes(), path, folder.empty() ? "." : folder);
}

}  // namespace cleave
