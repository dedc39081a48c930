// Kernels of int8 layers in weights files: bytes, and a scale per filter. See weights_file.h for the names of the
// parts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graphs/graph.h"
#include "ops/core/file.h"

namespace cleave {

struct Int8Array {
  Bytes bytes;                // [filters, …], as two's complement
  std::vector<float> scales;  // [filters]; a weight is its byte times its filter's scale
};

// Whether a node computes in int8, and this array is its kernel of real numbers.
bool is_int8_array(const Node& node, const WeightSlot& slot);
// Rounds every filter's weights to what is stored of them, so that to_int8 takes the array.
void round_to_int8(std::span<float> values, std::int64_t filters);
// Returns the bytes and scales, nothing where the values are not exactly those.
std::optional<Int8Array> to_int8(std::span<const float> values, std::int64_t filters);
// The metadata's note on such an array: "int8 [100, 784]".
std::string int8_note(const Shape& shape);
// Multiplies the bytes, as they were read, with the scales.
void expand_int8(std::span<const float> scales, std::span<float> values);

}  // namespace cleave
