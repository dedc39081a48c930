// safetensors files (huggingface/safetensors, format of 2022): 8 bytes of header length (little-endian), a JSON header,
// then the arrays' bytes one after another.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ops/core/file.h"
#include "ops/core/tensor.h"

namespace cleave {

// One array: its type ("F32", "U8" …) is one that the format knows, its bytes agree with type and shape.
struct SafeArray {
  std::string name;
  std::string dtype;
  Shape shape;
  ByteSpan bytes;  // into the file
};

struct SafeFile {
  std::vector<SafeArray> arrays;                // in the order of their bytes
  std::map<std::string, std::string> metadata;  // "__metadata__"
};

// Returns the contents of a file's bytes, which must outlive the result. Throws RunError beginning with `path` when the
// file is not sound: truncated, header above 64 MiB or not such JSON, a name twice, an unknown type, a shape that
// overflows, bytes out of range, overlapping, with gaps or left over.
SafeFile parse_safetensors(ByteSpan file, const std::string& path);

// Returns the bytes before the arrays' own: length and header, filled up with spaces to a multiple of 8. The arrays'
// offsets follow from their order and the sizes of their `bytes`.
Bytes safetensors_head(const SafeFile& contents);

// Returns the bits of one element of a type of the format, 0 for an unknown type.
int safetensors_bits(const std::string& dtype);

}  // namespace cleave
