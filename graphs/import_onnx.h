// Reading ONNX files: bytes -> OnnxGraph, checked and bounded. The only door to ONNX's protobuf on the way in.
#pragma once

#include <string>

#include "graphs/onnx_graph.h"
#include "ops/core/file.h"

namespace cleave {

// False in a build without ONNX (CMake's CLEAVE_ONNX); reading and writing then throw UserError that says so.
bool has_onnx();

// Returns the graph in the file at `path`. Throws RunError when it (or a file of weights that it names) cannot be read,
// UserError when it is no sound ONNX file, of an opset not taken, or names a file of weights outside its own folder.
OnnxGraph read_onnx(const std::string& path);

// The same from bytes; `path` is for messages. Files of weights are looked for in `folder`; empty: there are none.
OnnxGraph parse_onnx(ByteSpan file, const std::string& path, const std::string& folder);

}  // namespace cleave
