#include "engine/train/module_memory.h"

#include "engine/mcmc/chain.h"
#include "engine/mcmc/module_state.h"
#include "ops/core/catalog.h"

namespace cleave {

ModuleMemory module_memory(const Graph& graph, ModuleId module, std::int64_t batch, std::int64_t draws) {
  constexpr auto kFloat = static_cast<std::int64_t>(sizeof(float));
  const Module& slice = graph.module(module);
  const std::int64_t lanes = lanes_for(graph);
  const std::int64_t images = (batch + lanes - 1) / lanes * lanes;
  const auto floats_of = [&](NodeId node) { return element_count(graph.node(node).type.shape); };
  ModuleMemory memory{.name = slice.name};
  std::int64_t floats = floats_of(slice.input);  // of one image
  for (const Node& node : graph.nodes) {
    if (node.module != module || node.op == nullptr) continue;
    floats += element_count(node.type.shape);
    memory.weights_bytes += kFloat * weight_count(node);
  }
  memory.activation_bytes = kFloat * images * floats;
  memory.extra_bytes = kTraceRowsHeld * static_cast<std::int64_t>(sizeof(TraceRow)) + draws * memory.weights_bytes;
  const ModuleState state(graph, module, *find(likelihood_catalog(), graph.loss.name));
  memory.training_bytes = memory.weights_bytes + memory.extra_bytes + state.bytes_for(batch, lanes) +
                          kFloat * images * (floats_of(slice.input) + floats_of(slice.body));
  return memory;
}

}  // namespace cleave
