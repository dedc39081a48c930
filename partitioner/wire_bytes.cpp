// What a cut sends: one frame of the wire format for each tensor (wire.md): a header, then the samples one after the
// other, each at its own dtype and filled up to whole bytes.
#include "partitioner/cost.h"

namespace cleave {

std::int64_t wire_bytes(std::int64_t elements, DType dtype, std::int64_t batch) {
  return kFrameHeaderBytes + batch * byte_count(dtype, elements);
}

std::int64_t wire_bytes(const Graph& graph, NodeId node, std::int64_t batch) {
  return wire_bytes(element_count(graph.node(node).type.shape), graph.node(node).type.dtype, batch);
}

}  // namespace cleave
