
#include "engine/train/sgd_gradient.h"

namespace cleave {

namespace {

// Through the inference layout, for ops without `update`.
void compute_by_forward(const Node& node, std::span<const TensorType> types, std::span<const ConstBlockView> inputs,
                        const LayerWeights* weights, const BlockView& output) {
  std::vector<Tensor> values;
  std::vector<ConstTensorView> views;
  values.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    values.emplace_back(output.lanes, types[i].shape);
    from_block(inputs[i], 0, values.back().view());
    views.push_back(static_cast<const Tensor&>(values.back()).view());
  }
  PackedWeights packed;
  if (weights != nullptr) packed = node.op->pack(node.params, types, *weights);
  Tensor result(output.lanes, node.type.shape);
  node.op->forward({node.params, views, weights == nullptr ? nullptr : &packed, result.view()});
  to_block(static_cast<const Tensor&>(result).view(), 0, output);
}

}  // namespace

// An `update` whose inputs are all changed reads neither old values nor the old output.
void compute_node(const Node& node, std::span<const TensorType> types, std::span<const ConstBlockView> inputs,
                  const LayerWeights* weights, const BlockView& output) {
  if (node.op->update == nullptr) return compute_by_forward(node, types, inputs, weights, output);
  const ChangedChannels all{.all = true, .channels = {}};
  std::vector<UpdateInput> changed;
  for (const ConstBlockView& input : inputs) changed.push_back({input, &all, input.data});
  node.op->update({.params = node.params,
                   .types = types,
                   .inputs = changed,
                   .weights = weights,
                   .moves = {},
                   .old_output = {output.channels, output.pixels, output.lanes, output.data},
                   .changed = all,
                   .slices = output.data});
}

}  // namespace cleave
