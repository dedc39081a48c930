#include "graphs/onnx_input.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graphs/model_reader.h"
#include "ops/core/catalog.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

std::string size_text(const OnnxSize& size) {
  return size.value > 0 ? std::to_string(size.value) : size.name.empty() ? "?" : printable(size.name);
}

std::string sizes_text(const OnnxValue& input) {
  std::vector<std::string> sizes;
  for (const OnnxSize& size : input.shape) sizes.push_back(size_text(size));
  return fmt::format("[{}]", fmt::join(sizes, ", "));
}

// What --shape could say: 1 for the batch, the sizes that are known, usual ones for the others.
std::string example(const OnnxValue& input) {
  std::vector<std::int64_t> sizes{1, 3, 224, 224};
  if (input.has_shape && input.shape.size() >= 2) sizes.assign(input.shape.size(), 224);
  for (std::size_t i = 0; input.has_shape && i < sizes.size(); ++i)
    if (input.shape[i].value > 0) sizes[i] = input.shape[i].value;
  sizes.front() = 1;
  if (sizes.size() == 4 && sizes[1] == 224) sizes[1] = 3;
  return fmt::format("--shape {}={}", printable(input.name), fmt::join(sizes, ","));
}

Shape shape_of_input(const OnnxValue& input, const std::map<std::string, Shape>& shapes, const std::string& path) {
  const std::string name = printable(input.name);
  for (const auto& [stated, shape] : shapes)
    if (stated != input.name)
      refuse(path, fmt::format("--shape {}: the input is called '{}'", printable(stated), name));
  if (const auto stated = shapes.find(input.name); stated != shapes.end()) return stated->second;
  if (!input.has_shape)
    refuse(path, fmt::format("the file says no sizes of '{}': give them, {}", name, example(input)));
  Shape shape;
  for (const OnnxSize& size : input.shape) shape.push_back(size.value);
  if (!shape.empty() && shape.front() < 1) shape.front() = 1;  // an open batch is as it should be
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t size) { return size < 1; }))
    refuse(path,
           fmt::format("sizes of '{}' are left open, {}: give them, {}", name, sizes_text(input), example(input)));
  return shape;
}

// True when everybody who reads the image turns it from rows, columns, channels into channels, rows, columns.
bool channels_last(const OnnxWork& work, const std::string& name) {
  bool turned = false;
  for (const OnnxNode& node : work.source.nodes) {
    if (std::find(node.inputs.begin(), node.inputs.end(), name) == node.inputs.end()) continue;
    const OnnxAttribute* order = find_attribute(node, "perm");
    if (node.op != "Transpose" || order == nullptr || order->integers != std::vector<std::int64_t>{0, 3, 1, 2})
      return false;
    turned = true;
  }
  return turned;
}

}  // namespace

void refuse(const std::string& path, const std::string& why) {
  throw UserError(fmt::format("{}: {}", path, why), ExitCode::invalid_model);
}

const OnnxValue& chosen_output(const OnnxGraph& source, const std::string& name, const std::string& path) {
  std::vector<std::string> names;
  for (const OnnxValue& output : source.outputs) {
    if (output.name == name || (name.empty() && source.outputs.size() == 1)) return output;
    names.push_back(printable(output.name));
  }
  if (names.empty()) refuse(path, "it has no output");
  if (name.empty())
    refuse(path, fmt::format("it has {} outputs ({}), one is taken: choose it, --output-name {}", names.size(),
                             fmt::join(names, ", "), names.front()));
  const std::string near = closest_name(name, names);
  refuse(path, fmt::format("it has no output '{}'; {}", printable(name),
                           near.empty() ? fmt::format("one of: {}", fmt::join(names, ", "))
                                        : fmt::format("did you mean '{}'?", near)));
}

void set_input(OnnxWork& work, const OnnxValue& input, const std::map<std::string, Shape>& shapes,
               const std::string& path) {
  const Shape all = shape_of_input(input, shapes, path);
  if (!input.reals)
    refuse(path, fmt::format("the input '{}' is not of 32-bit floats, which are taken only", printable(input.name)));
  double values = 1;
  for (const std::int64_t size : all) values *= static_cast<double>(size);
  if (all.size() < 2 || all.size() > 4 || values > kMaxInputValues)
    refuse(path, fmt::format("the input '{}' is [{}]; a batch of vectors [N, size] or images [N, C, H, W] is taken",
                             printable(input.name), fmt::join(all, ", ")));
  work.batch = all.front();
  OnnxFlow flow{.node = NodeId{0}, .shape = {all.begin() + 1, all.end()}};
  Node node;
  node.name = "input";
  node.part = Part::input;
  node.type.shape = flow.shape;
  if (all.size() == 3) node.type.shape.insert(node.type.shape.begin(), 1);  // a channel nobody writes
  if (all.size() == 4 && channels_last(work, input.name)) {
    node.type.shape = {all[3], all[1], all[2]};
    flow.axes = {1, 2, 0};
    work.notes.push_back(fmt::format("samples are read in the order channel, row, column: {}; the file's '{}' is {}",
                                     to_text(node.type.shape), printable(input.name), to_text(flow.shape)));
  }
  work.graph.nodes.push_back(std::move(node));
  work.weights.emplace_back();
  work.graph.modules.push_back({.name = "", .input = NodeId{0}, .body = NodeId{0}});
  work.flows[input.name] = std::move(flow);
}

}  // namespace cleave
