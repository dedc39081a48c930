#include "tests/reference/reference_runner.h"

#include <algorithm>

#include <Eigen/Core>

namespace cleave {

std::vector<NchwTensor> reference_run(const Graph& graph, const Weights& weights, const NchwTensor& input) {
  std::vector<NchwTensor> values = {input};
  for (std::size_t i = 1; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    std::vector<NchwTensor> inputs;
    for (const NodeId id : node.inputs) inputs.push_back(values[index_of(id)]);
    values.push_back(reference_forward(*node.op, node.params, inputs, weights[i]));
    if (node.type.dtype == DType::f16)
      for (double& value : values.back().data)
        value = std::clamp(static_cast<double>(Eigen::half(static_cast<float>(value))), -65504.0, 65504.0);
  }
  return values;
}

}  // namespace cleave
