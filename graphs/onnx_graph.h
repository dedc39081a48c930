// OnnxGraph: an ONNX file as plain data, what the reader, the converters and the writer share. No protobuf here.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ops/core/tensor.h"

namespace cleave {

// The opsets of ONNX's own operators that are read, and the one that is written.
inline constexpr std::int64_t kOldestOpset = 7;
inline constexpr std::int64_t kNewestOpset = 21;
inline constexpr std::int64_t kWrittenOpset = 13;

// A constant: weights and other real numbers as floats, whole numbers (shapes, axes) as integers.
struct OnnxTensor {
  enum class Kind : std::uint8_t { reals, integers, other };
  Kind kind = Kind::reals;
  Shape shape = {};  // empty: one number
  std::vector<float> reals = {};
  std::vector<std::int64_t> integers = {};

  bool operator==(const OnnxTensor&) const = default;
};

struct OnnxAttribute {
  enum class Kind : std::uint8_t { integer, real, text, integers, reals, tensor, other };
  std::string name = {};
  Kind kind = Kind::integer;
  std::int64_t integer = 0;
  float real = 0;
  std::string text = {};
  std::vector<std::int64_t> integers = {};
  std::vector<float> reals = {};
  OnnxTensor tensor = {};

  bool operator==(const OnnxAttribute&) const = default;
};

struct OnnxNode {
  std::string name = {};                               // often empty
  std::string op = {};                                 // "Conv"
  std::string domain = {};                             // empty: ONNX's own
  std::vector<std::string> inputs = {}, outputs = {};  // an empty name: not given
  std::vector<OnnxAttribute> attributes = {};

  bool operator==(const OnnxNode&) const = default;
};

// One size of an input: a number, or a name (or nothing) where the file leaves it open.
struct OnnxSize {
  std::int64_t value = -1;
  std::string name = {};

  bool operator==(const OnnxSize&) const = default;
};

// What flows in or out, the batch first.
struct OnnxValue {
  std::string name = {};
  bool reals = true;      // holds 32-bit floats
  bool has_shape = true;  // false: the file says nothing of it
  std::vector<OnnxSize> shape = {};

  bool operator==(const OnnxValue&) const = default;
};

struct OnnxGraph {
  std::string name = {};
  std::int64_t opset = kWrittenOpset;
  std::vector<OnnxValue> inputs = {}, outputs = {};  // inputs without those that are constants
  std::map<std::string, OnnxTensor> constants = {};  // initializers
  std::vector<OnnxNode> nodes = {};

  bool operator==(const OnnxGraph&) const = default;
};

}  // namespace cleave
