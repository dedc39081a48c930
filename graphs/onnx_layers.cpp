// Layers with weights: Conv, Gemm, MatMul, BatchNormalization.
#include <cmath>

#include <fmt/format.h>

#include "graphs/onnx_conv.h"
#include "graphs/onnx_work.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

// A matrix product with constants: [units, in], and what is added to each unit.
struct Product {
  std::vector<float> kernel, bias;
  std::int64_t units = 0, inputs = 0;
};

Product product_of(const OnnxWork& work, const OnnxNode& node, bool units_first, double factor) {
  const OnnxTensor& from = constant_reals(work, node, 1);
  if (from.shape.size() != 2)
    throw OpError(fmt::format("its weights '{}' have the shape {}, a matrix is needed", printable(node.inputs[1]),
                              to_text(from.shape)));
  Product product{{}, {}, from.shape[units_first ? 0 : 1], from.shape[units_first ? 1 : 0]};
  product.kernel.resize(from.reals.size());
  const auto units = static_cast<std::size_t>(product.units);
  const auto inputs = static_cast<std::size_t>(product.inputs);
  for (std::size_t u = 0; u < units; ++u)
    for (std::size_t i = 0; i < inputs; ++i) {
      const double value = static_cast<double>(from.reals[units_first ? u * inputs + i : i * units + u]);
      product.kernel[u * inputs + i] = static_cast<float>(value * factor);
    }
  return product;
}

// Brings the weights into the order in which the image's values come.
void reorder(Product& product, const std::vector<std::int64_t>& columns) {
  if (columns.empty()) return;
  const std::vector<float> from = product.kernel;
  for (std::size_t u = 0; u < static_cast<std::size_t>(product.units); ++u)
    for (std::size_t i = 0; i < columns.size(); ++i)
      product.kernel[u * columns.size() + static_cast<std::size_t>(columns[i])] = from[u * columns.size() + i];
}

void add_dense(OnnxWork& work, const OnnxNode& node, Product product) {
  OnnxFlow flow = flow_of(work, node, 0);
  if (flow.shape.size() != 1 || flow.shape.front() != product.inputs)
    throw OpError(fmt::format("multiplies {} with a matrix of {}x{}; a vector [N, {}] is needed",
                              onnx_shape_text(flow.shape), product.inputs, product.units, product.inputs));
  reorder(product, flow.columns);
  flow.columns.clear();
  Params params;
  params.set("units", product.units);
  params.set("bias", !product.bias.empty());
  std::vector<std::vector<float>> arrays{std::move(product.kernel)};
  if (!product.bias.empty()) arrays.push_back(std::move(product.bias));
  set_flow(work, node,
           flow_from(work, add_node(work, "dense", params, {plain(work, flow)}, layer_name(node, node.inputs[1]),
                                    std::move(arrays))));
}

}  // namespace

void convert_gemm(OnnxWork& work, const OnnxNode& node) {
  if (integer_of(node, "transA", 0) != 0) throw OpError("transposes its input, which is not taken");
  Product product = product_of(work, node, integer_of(node, "transB", 0) != 0, real_of(node, "alpha", 1));
  if (has_input(node, 2)) {
    const OnnxTensor& bias = constant_reals(work, node, 2);
    const double beta = real_of(node, "beta", 1);
    const bool one = bias.reals.size() == 1;
    if (!one && (bias.shape.back() != product.units || element_count(bias.shape) != product.units))
      throw OpError(fmt::format("adds constants of the shape {} to {} units", to_text(bias.shape), product.units));
    for (std::size_t u = 0; u < static_cast<std::size_t>(product.units); ++u)
      product.bias.push_back(static_cast<float>(beta * static_cast<double>(bias.reals[one ? 0 : u])));
  }
  add_dense(work, node, std::move(product));
}

void convert_matmul(OnnxWork& work, const OnnxNode& node) { add_dense(work, node, product_of(work, node, false, 1)); }

void convert_batch_norm(OnnxWork& work, const OnnxNode& node) {
  if (integer_of(node, "training_mode", 0) != 0) throw OpError("is in training mode; export the model for inference");
  if (integer_of(node, "spatial", 1) != 1) throw OpError("has a mean for every pixel, which is not taken");
  const NodeId input = plain(work, flow_of(work, node, 0));
  std::vector<std::vector<float>> arrays;
  for (std::size_t i = 1; i <= 4; ++i) arrays.push_back(constant_reals(work, node, i).reals);
  for (const float variance : arrays[3])
    if (variance < 0) throw OpError(fmt::format("has the variance {}", variance));
  const double epsilon = real_of(node, "epsilon", 1e-5);
  const double momentum = 1 - real_of(node, "momentum", 0.9);  // ONNX counts the share of what was before
  Params params;
  if (std::abs(epsilon - 1e-5) > 1e-11) params.set("epsilon", std::round(epsilon * 1e12) / 1e12);
  if (std::abs(momentum - 0.1) > 1e-6) params.set("momentum", std::round(momentum * 1e6) / 1e6);
  set_flow(work, node,
           flow_from(work, add_node(work, "batch_norm", params, {input}, layer_name(node, node.inputs[1]),
                                    std::move(arrays))));
}

void convert_conv(OnnxWork& work, const OnnxNode& node) {
  const OnnxFlow flow = flow_of(work, node, 0);
  const NodeId image = plain_image(work, flow, true);
  const OnnxTensor& kernel = constant_reals(work, node, 1);
  if (kernel.shape.size() != 4 || element_count(kernel.shape) == 0)
    throw OpError(fmt::format("its weights '{}' have the shape {}, four sizes are needed", printable(node.inputs[1]),
                              to_text(kernel.shape)));
  SquareConv conv = square_conv(node, kernel, flow.pad, shape_of(work, image));
  std::vector<std::vector<float>> arrays;
  if (conv.kernel.size() > kernel.reals.size()) count_made(work, conv.kernel.size());
  arrays.push_back(std::move(conv.kernel));
  if (has_input(node, 2)) arrays.push_back(constant_reals(work, node, 2).reals);
  Params params = conv.params;
  params.set("bias", has_input(node, 2));
  set_flow(
      work, node,
      flow_from(work, add_node(work, "conv2d", params, {image}, layer_name(node, node.inputs[1]), std::move(arrays))));
}

}  // namespace cleave
