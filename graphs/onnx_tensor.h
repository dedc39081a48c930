// The numbers of ONNX tensors: raw bytes, in the file or beside it, as floats or integers. No protobuf here.
#pragma once

#include <cstdint>
#include <string>

#include "graphs/onnx_graph.h"
#include "ops/core/file.h"

namespace cleave {

// A tensor as stored. `type` is onnx.proto's TensorProto.DataType.
struct TensorBytes {
  std::string name;
  Shape shape;
  std::int32_t type = 1;
  ByteSpan raw;
};

// Where a tensor's bytes stand that are not in the file.
struct ExternalBytes {
  std::string name, file;
  std::int64_t from = 0, count = -1;  // -1: to the end
};

// Returns the values of `tensor.raw`, little-endian; of types that are no numbers cleave computes with, none. These
// throw UserError beginning with `path`: sizes that are negative, overflow, or do not agree with the bytes.
OnnxTensor decode_tensor(const TensorBytes& tensor, const std::string& path);
// Returns `values` with its kind set and checked against `tensor`'s type and shape. 16-bit floats stand in `integers`.
OnnxTensor settle_tensor(OnnxTensor values, const TensorBytes& tensor, const std::string& path);

// Puts one entry of a tensor's external_data ("location", "offset" …) into `where`.
void set_external(ExternalBytes& where, const std::string& key, const std::string& value, const std::string& path);
// Returns the values stored in another file of `folder`, which is empty when there is none. Throws UserError when that
// file lies elsewhere, by name or by a link, or is too short; RunError when it cannot be read.
OnnxTensor read_external(TensorBytes tensor, const ExternalBytes& where, const std::string& path,
                         const std::string& folder);

}  // namespace cleave
