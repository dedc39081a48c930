// Arrays with many zeros in weights files: the values that are not zero, and where they stand. See weights_file.h for
// the names of the parts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ops/core/file.h"
#include "ops/core/tensor.h"

namespace cleave {

// How the places are stored; the smaller one is taken.
enum class SparsePlaces : std::uint8_t {
  bitmap,   // U8 [ceil(n / 8)]: weight i is bit i mod 8 of byte i / 8; set = not zero; unused bits are 0
  indices,  // U32 [k]: flat and row-major, ascending; smaller where less than one weight in 32 is left
};

struct SparseArray {
  SparsePlaces places = SparsePlaces::bitmap;
  Bytes place_bytes;
  std::vector<float> values;  // in the order of their places
};

// Arrays of fewer weights are always stored dense, as are those of which sparse takes more than kSparsePays of the
// bytes.
inline constexpr std::int64_t kLeastSparse = 1024;
inline constexpr double kSparsePays = 0.75;

// Bytes of values and places of `count` weights (below 2^32), `on` of which are not zero, in the smaller of the forms.
std::int64_t sparse_bytes(std::int64_t count, std::int64_t on);
// Whether an array of floats of which so many are not zero is stored sparse.
bool pays_sparse(std::int64_t count, std::int64_t on);
// Returns the sparse form, nothing where it does not pay. Only +0 counts as zero, so nothing is lost.
std::optional<SparseArray> to_sparse(const std::vector<float>& values);
// The metadata's note on a sparse array: "sparse bitmap [100, 784]".
std::string sparse_note(SparsePlaces places, const Shape& shape);
// Fills `to` (zeros) with values at their places; returns what is wrong with them, or "".
std::string expand_sparse(SparsePlaces places, ByteSpan place_bytes, std::span<const float> values,
                          std::vector<float>& to);

}  // namespace cleave
