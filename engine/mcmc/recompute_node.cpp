// Nodes whose op has no `update`: the whole block anew by `forward`, through the inference layout.
#include <algorithm>
#include <cassert>

#include "engine/mcmc/module_state.h"

namespace cleave {

void ModuleState::recompute_node(std::size_t node, std::int64_t block, bool fresh) {
  NodeState& state = nodes_[node];
  const Node& source = graph_.node(state.id);
  const std::size_t b = static_cast<std::size_t>(block);
  const std::int64_t lanes = batch_->lanes;
  std::vector<Tensor> inputs;
  std::vector<ConstTensorView> views;
  inputs.reserve(state.inputs.size());
  for (const std::size_t input : state.inputs) {
    const NodeState& from = nodes_[input];
    ConstBlockView values = old_block(input, block);
    std::vector<float> changed;
    if (!fresh && from.touched[b] != 0 && from.reached.all) values.data = new_values(input, block);
    else if (!fresh && from.touched[b] != 0) {
      changed.assign(values.data, values.data + values.size());
      for (std::size_t k = 0; k < from.reached.channels.size(); ++k)
        std::copy_n(new_values(input, block) + static_cast<std::int64_t>(k) * values.channel_size(),
                    values.channel_size(), changed.begin() + from.reached.channels[k] * values.channel_size());
      values.data = changed.data();
    }
    inputs.emplace_back(lanes, graph_.node(from.id).type.shape);
    from_block(values, 0, inputs.back().view());
    views.push_back(static_cast<const Tensor&>(inputs.back()).view());
  }
  PackedWeights packed;
  if (!source.weights.empty())
    packed = source.op->pack(source.params, state.input_types, (*weights_)[index_of(state.id)]);
  Tensor output(lanes, source.type.shape);
  source.op->forward({source.params, views, source.weights.empty() ? nullptr : &packed, output.view()});
  const BlockView to{state.channels, state.pixels, lanes, fresh ? state.values[b] : state.slices[b]};
  to_block(static_cast<const Tensor&>(output).view(), 0, to);
}

}  // namespace cleave
