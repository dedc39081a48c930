// Weights in safetensors files. Arrays are called NODE.SLOT: "stem.weight", "bn1.running_mean".
//
// Real arrays are written as F32. Kernels of -1 and 1, or 0 and 1, are packed: U8 [ceil(n / 8)], weight i in bit i mod
// 8 of byte i / 8, a set bit is the larger value, unused bits are 0; the metadata then has "NODE.SLOT": "binary -1 1
// [256, 784]" with grid and shape. Kernels of floats with so many zeros that it pays (see
// sparse_array.h) are written as two arrays, F32 "NODE.SLOT.values" [k] and U8 "NODE.SLOT.bitmap" [ceil(n / 8)] or U32
// "NODE.SLOT.indices" [k], and the metadata then has "NODE.SLOT": "sparse bitmap [100, 784]" or "sparse indices …".
// Kernels of layers with input_scale whose filters are multiples, -127 … 127 of them, of a scale each (`cleave
// quantize` makes such ones) are I8 "NODE.SLOT" and F32 "NODE.SLOT.scales" [filters], with "NODE.SLOT": "int8 [100,
// 784]". All others are dense. The reader takes the unpacked form as well, and F64, F16, BF16, I8, U8 and BOOL for F32.
#pragma once

#include <map>
#include <string>

#include "graphs/graph.h"
#include "ops/core/file.h"

namespace cleave {

// Returns the weights in the file at `path` for `graph`. Throws RunError when it cannot be read or is no sound
// safetensors file; UserError with all the mismatches, one a line, when it does not fit the graph: arrays missing or
// unexpected, other shapes or types, values that are not finite or off a layer's grid.
Weights read_weights(const std::string& path, const Graph& graph);

// The same from a file's bytes; `path` is for messages.
Weights parse_weights(ByteSpan file, const std::string& path, const Graph& graph);

// Writes the weights and `metadata` (no key may be an array's name) so that at every moment the old or the whole new
// file stands at `path`. Throws RunError with path and reason; also for values that are not finite, and then writes
// nothing.
void write_weights(const std::string& path, const Graph& graph, const Weights& weights,
                   const std::map<std::string, std::string>& metadata);

// The bytes of such a file; `parse_weights` reads them. Throws as `write_weights`, with `path` for messages.
Bytes weights_to_bytes(const Graph& graph, const Weights& weights, const std::map<std::string, std::string>& metadata,
                       const std::string& path);

}  // namespace cleave
