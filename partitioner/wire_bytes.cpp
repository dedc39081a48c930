// What a cut sends: one frame of the wire format for each tensor (wire.md): a header, then the samples one after the
// other, each at its own dtype and filled up to whole bytes.
#include "partitioner/cost.h"

namespace cleave {

namespace {

DType smaller_of(DType a, DType b) {
  constexpr std::int64_t kSome = 64;  // elements that fill whole bytes at every dtype
  return byte_count(b, kSome) < byte_count(a, kSome) ? b : a;
}

}  // namespace

// `send` is f32 where the file says nothing, so it may not widen what a sign layer gives.
DType sent_dtype(const Graph& graph, NodeId node) {
  DType dtype = graph.node(node).type.dtype;
  for (const Module& module : graph.modules)
    if (module.body == node && module.body != module.input) dtype = smaller_of(dtype, module.send);
  return dtype;
}

std::int64_t wire_bytes(std::int64_t elements, DType dtype, std::int64_t batch) {
  return kFrameHeaderBytes + batch * byte_count(dtype, elements);
}

std::int64_t wire_bytes(const Graph& graph, NodeId node, std::int64_t batch) {
  return wire_bytes(element_count(graph.node(node).type.shape), sent_dtype(graph, node), batch);
}

}  // namespace cleave
