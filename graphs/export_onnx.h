// Writing ONNX files: OnnxGraph -> bytes. The only door to ONNX's protobuf on the way out.
#pragma once

#include "graphs/onnx_graph.h"
#include "ops/core/file.h"

namespace cleave {

// Returns the file's bytes: opset kWrittenOpset, 32-bit floats. Throws UserError where it would have 2 GiB or more.
Bytes onnx_bytes(const OnnxGraph& graph);

}  // namespace cleave
