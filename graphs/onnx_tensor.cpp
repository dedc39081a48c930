#include "graphs/onnx_tensor.h"

#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "ops/core/bytes.h"
#include "ops/core/error.h"
#include "ops/core/half.h"

namespace cleave {

namespace {

enum Type : std::int32_t { kFloat = 1, kUint8, kInt8, kUint16, kInt16, kInt32, kInt64, kBool = 9, kHalf, kDouble };
constexpr std::int32_t kBfloat16 = 16;

[[noreturn]] void refuse(const std::string& path, const std::string& name, const std::string& why) {
  throw UserError(fmt::format("{}: the tensor '{}' {}", path, printable(name), why), ExitCode::invalid_model);
}

// Bytes of one element, 0 for types that are not read.
std::size_t item_bytes(std::int32_t type) {
  switch (type) {
    case kUint8:
    case kInt8:
    case kBool: return 1;
    case kUint16:
    case kInt16:
    case kHalf:
    case kBfloat16: return 2;
    case kFloat:
    case kInt32: return 4;
    case kInt64:
    case kDouble: return 8;
    default: return 0;
  }
}

bool is_real(std::int32_t type) { return type == kFloat || type == kDouble || type == kHalf || type == kBfloat16; }

// Returns the product of the sizes; at most 2^40.
std::size_t count_of(const TensorBytes& tensor, const std::string& path) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  if (tensor.shape.size() > 16) refuse(path, tensor.name, fmt::format("has {} sizes", tensor.shape.size()));
  std::int64_t count = 1;
  for (const std::int64_t size : tensor.shape) {
    if (size < 0) refuse(path, tensor.name, fmt::format("has the size {}", size));
    if (size > 0 && count > kMost / size)
      refuse(path, tensor.name, fmt::format("has sizes that overflow: {}", to_text(tensor.shape)));
    count *= size;
  }
  return static_cast<std::size_t>(count);
}

float real_at(std::int32_t type, const std::uint8_t* at) {
  switch (type) {
    case kDouble: return static_cast<float>(std::bit_cast<double>(load_little_endian<std::uint64_t>(at)));
    case kHalf: return half_to_float(load_little_endian<std::uint16_t>(at));
    case kBfloat16: return std::bit_cast<float>(std::uint32_t{load_little_endian<std::uint16_t>(at)} << 16);
    default: return std::bit_cast<float>(load_little_endian<std::uint32_t>(at));
  }
}

std::int64_t integer_at(std::int32_t type, const std::uint8_t* at) {
  switch (type) {
    case kInt64: return static_cast<std::int64_t>(load_little_endian<std::uint64_t>(at));
    case kInt32: return static_cast<std::int32_t>(load_little_endian<std::uint32_t>(at));
    case kInt16: return static_cast<std::int16_t>(load_little_endian<std::uint16_t>(at));
    case kUint16: return load_little_endian<std::uint16_t>(at);
    case kInt8: return static_cast<std::int8_t>(*at);
    default: return *at;
  }
}

}  // namespace

OnnxTensor decode_tensor(const TensorBytes& tensor, const std::string& path) {
  const std::size_t count = count_of(tensor, path);
  const std::size_t item = item_bytes(tensor.type);
  OnnxTensor values{OnnxTensor::Kind::other, tensor.shape, {}, {}};
  if (item == 0) return values;
  if (tensor.raw.size() != count * item)
    refuse(path, tensor.name,
           fmt::format("has {} bytes, its sizes {} need {}", tensor.raw.size(), to_text(tensor.shape), count * item));
  values.kind = is_real(tensor.type) ? OnnxTensor::Kind::reals : OnnxTensor::Kind::integers;
  if (is_real(tensor.type)) values.reals.resize(count);
  else values.integers.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* at = tensor.raw.data() + i * item;
    if (is_real(tensor.type)) values.reals[i] = real_at(tensor.type, at);
    else values.integers[i] = integer_at(tensor.type, at);
  }
  return values;
}

OnnxTensor settle_tensor(OnnxTensor values, const TensorBytes& tensor, const std::string& path) {
  const std::size_t count = count_of(tensor, path);
  values.shape = tensor.shape;
  if (item_bytes(tensor.type) == 0) return {OnnxTensor::Kind::other, tensor.shape, {}, {}};
  const bool real = is_real(tensor.type);
  values.kind = real ? OnnxTensor::Kind::reals : OnnxTensor::Kind::integers;
  if (tensor.type == kHalf || tensor.type == kBfloat16) {
    values.reals.clear();
    for (const std::int64_t bits : values.integers) {
      const auto half = static_cast<std::uint16_t>(bits & 0xFFFF);
      values.reals.push_back(tensor.type == kHalf ? half_to_float(half)
                                                  : std::bit_cast<float>(std::uint32_t{half} << 16));
    }
    values.integers.clear();
  }
  const std::size_t given = real ? values.reals.size() : values.integers.size();
  if (given != count || (real ? !values.integers.empty() : !values.reals.empty()))
    refuse(path, tensor.name, fmt::format("has {} values, its sizes are {}", given, to_text(tensor.shape)));
  return values;
}

}  // namespace cleave
