// A gate in front of the protobuf parser: how many fields an ONNX file's messages have and how deep they nest.
#pragma once

#include <string>

#include "ops/core/file.h"

namespace cleave {

// Throws UserError beginning with `path` when the bytes are not sound protobuf messages, nest subgraphs deeper than 8,
// or have more than a million fields: the parser sets aside memory for each of them, however short.
void check_onnx_bytes(ByteSpan file, const std::string& path);

}  // namespace cleave
