// What can be computed without an input: constants, and the little programs by which exporters compute a shape
// (Shape, Gather, Unsqueeze, Concat -> Reshape).
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "graphs/onnx_work.h"

namespace cleave {

namespace {

OnnxTensor constant_value(const OnnxNode& node) {
  OnnxTensor value;
  const auto list = [&](auto& to, const auto& from) {
    to.assign(from.begin(), from.end());
    value.shape = {static_cast<std::int64_t>(from.size())};
  };
  if (node.attributes.size() != 1) throw OpError("has no value");
  const OnnxAttribute& attribute = node.attributes.front();
  switch (attribute.kind) {
    case OnnxAttribute::Kind::tensor: return attribute.tensor;
    case OnnxAttribute::Kind::real: value.reals = {attribute.real}; break;
    case OnnxAttribute::Kind::reals: list(value.reals, attribute.reals); break;
    case OnnxAttribute::Kind::integer: value.integers = {attribute.integer}; break;
    case OnnxAttribute::Kind::integers: list(value.integers, attribute.integers); break;
    default: throw OpError("has a value that is not a number");
  }
  if (!value.integers.empty() || attribute.kind == OnnxAttribute::Kind::integers)
    value.kind = OnnxTensor::Kind::integers;
  return value;
}

OnnxTensor shape_value(const OnnxWork& work, const OnnxNode& node) {
  const OnnxFlow flow = flow_of(work, node, 0);
  if (!node.attributes.empty()) throw OpError("takes a part of the shape, which is not taken");
  OnnxTensor value{OnnxTensor::Kind::integers, {static_cast<std::int64_t>(flow.shape.size()) + 1}, {}, {work.batch}};
  value.integers.insert(value.integers.end(), flow.shape.begin(), flow.shape.end());
  return value;
}

OnnxTensor gathered(const OnnxTensor& from, const OnnxTensor& places) {
  OnnxTensor value{OnnxTensor::Kind::integers, places.shape, {}, {}};
  const auto size = static_cast<std::int64_t>(from.integers.size());
  for (std::int64_t place : places.integers) {
    if (place < 0) place += size;
    if (place < 0 || place >= size) throw OpError(fmt::format("takes the index {} of {}", place, size));
    value.integers.push_back(from.integers[static_cast<std::size_t>(place)]);
  }
  return value;
}

// The transpose of a matrix.
OnnxTensor transposed(const OnnxTensor& from) {
  OnnxTensor value = from;
  const auto rows = static_cast<std::size_t>(from.shape[0]);
  const auto columns = static_cast<std::size_t>(from.shape[1]);
  std::swap(value.shape[0], value.shape[1]);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) value.reals[c * rows + r] = from.reals[r * columns + c];
  return value;
}

// The shapes of lists and single numbers are all that Unsqueeze, Squeeze and Concat meet here.
OnnxTensor joined(const OnnxWork& work, const OnnxNode& node) {
  OnnxTensor value{OnnxTensor::Kind::integers, {0}, {}, {}};
  for (const std::string& name : node.inputs) {
    const std::vector<std::int64_t>& more = constant_of(work, name)->integers;
    value.integers.insert(value.integers.end(), more.begin(), more.end());
  }
  value.shape = {static_cast<std::int64_t>(value.integers.size())};
  return value;
}

constexpr std::size_t kMostOfAShape = 64;  // numbers in what is computed of shapes

bool is_short(const OnnxTensor* tensor) {
  return tensor != nullptr && tensor->kind == OnnxTensor::Kind::integers && tensor->shape.size() <= 1 &&
         tensor->integers.size() <= kMostOfAShape;
}

}  // namespace

bool fold_constant(OnnxWork& work, const OnnxNode& node) {
  const std::string& op = node.op;
  OnnxTensor& value = work.folded[node.outputs.front()];
  if (op == "Constant") value = constant_value(node);
  else if (op == "Shape") value = shape_value(work, node);
  if (op == "Constant" || op == "Shape") return true;
  work.folded.erase(node.outputs.front());
  const OnnxTensor* first = has_input(node, 0) ? constant_of(work, node.inputs[0]) : nullptr;
  const bool all_short = std::all_of(node.inputs.begin(), node.inputs.end(),
                                     [&](const std::string& name) { return is_short(constant_of(work, name)); });
  OnnxTensor made;
  if (op == "Gather" && all_short) made = gathered(*first, *constant_of(work, node.inputs[1]));
  else if (op == "Concat" && all_short) made = joined(work, node);
  else if ((op == "Unsqueeze" || op == "Squeeze") && is_short(first)) made = *first;
  else if (op == "Identity" && first != nullptr) made = *first;
  else if (op == "Cast" && first != nullptr && integer_of(node, "to", 0) == (is_short(first) ? 7 : 1)) made = *first;
  else if (op == "Transpose" && first != nullptr && first->kind == OnnxTensor::Kind::reals && first->shape.size() == 2)
    made = integers_of(node, "perm", {1, 0}) == std::vector<std::int64_t>{1, 0} ? transposed(*first) : *first;
  else if (op == "Gather") throw OpError("picks of what is computed; only shapes are picked of");
  else return false;
  if (op == "Unsqueeze" || op == "Squeeze")
    made.shape =
        op == "Squeeze" && made.integers.size() == 1 ? Shape{} : Shape{static_cast<std::int64_t>(made.integers.size())};
  work.folded[node.outputs.front()] = std::move(made);
  return true;
}

}  // namespace cleave
