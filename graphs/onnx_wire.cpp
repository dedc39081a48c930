// Walks the wire format (protobuf.dev/programming-guides/encoding) without setting anything aside. Only those fields
// are entered that hold messages of which ONNX files have many; what the walk does not enter, the parser reads as one
// string or as packed numbers, whose memory is a small multiple of their bytes.
#include "graphs/onnx_wire.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "ops/core/error.h"

namespace cleave {

namespace {

constexpr int kMostFields = 1'000'000;
constexpr int kDeepest = 24;                                   // messages; a subgraph takes three
constexpr std::uint64_t kMostPacked = std::uint64_t{1} << 26;  // bytes of numbers that take up to 8 times as many

enum class Message : std::uint8_t {
  other,
  model,
  graph,
  node,
  attribute,
  tensor,
  sparse,
  value,
  type,
  tensor_type,
  list_type,
  map_type,
  shape,
  function
};

// Which field of which message holds which other one (onnx.proto).
struct Child {
  Message in;
  std::uint64_t field;
  Message child;
};
constexpr Child kChildren[] = {
    {Message::model, 7, Message::graph},         {Message::model, 8, Message::other},
    {Message::model, 14, Message::other},        {Message::model, 20, Message::other},
    {Message::model, 25, Message::function},     {Message::function, 7, Message::node},
    {Message::function, 11, Message::attribute}, {Message::graph, 1, Message::node},
    {Message::graph, 5, Message::tensor},        {Message::graph, 15, Message::sparse},
    {Message::graph, 11, Message::value},        {Message::graph, 12, Message::value},
    {Message::graph, 13, Message::value},        {Message::graph, 14, Message::other},
    {Message::node, 5, Message::attribute},      {Message::attribute, 5, Message::tensor},
    {Message::attribute, 6, Message::graph},     {Message::attribute, 10, Message::tensor},
    {Message::attribute, 11, Message::graph},    {Message::attribute, 14, Message::type},
    {Message::attribute, 15, Message::type},     {Message::attribute, 22, Message::sparse},
    {Message::attribute, 23, Message::sparse},   {Message::sparse, 1, Message::tensor},
    {Message::sparse, 2, Message::tensor},       {Message::value, 2, Message::type},
    {Message::type, 1, Message::tensor_type},    {Message::type, 8, Message::tensor_type},
    {Message::type, 4, Message::list_type},      {Message::type, 9, Message::list_type},
    {Message::type, 5, Message::map_type},       {Message::list_type, 1, Message::type},
    {Message::map_type, 2, Message::type},       {Message::tensor_type, 2, Message::shape},
    {Message::shape, 1, Message::other},         {Message::tensor, 13, Message::other},
};

class Walk {
 public:
  explicit Walk(const std::string& path) : path_(path) {}

  void enter(Message message, ByteSpan bytes, int depth) {
    if (depth > kDeepest) refuse("its subgraphs nest too deep");
    while (!bytes.empty()) {
      if (++fields_ > kMostFields) refuse(fmt::format("it has more than {} fields", kMostFields));
      const std::uint64_t tag = number(bytes);
      const std::uint64_t field = tag >> 3;
      switch (tag & 7) {
        case 0: number(bytes); break;
        case 1: skip(bytes, 8); break;
        case 2: enter_field(message, field, skip(bytes, number(bytes)), depth); break;
        case 5: skip(bytes, 4); break;
        default: refuse("it is not a protobuf message");
      }
    }
  }

 private:
  void enter_field(Message message, std::uint64_t field, ByteSpan content, int depth) {
    const bool numbers = message == Message::tensor && field != 4 && field != 9 && field != 10;
    const bool listed = message == Message::attribute && field == 8;
    if ((numbers || listed) && content.size() > kMostPacked)
      refuse(fmt::format("it has {} bytes of packed whole numbers, at most {} are read", content.size(), kMostPacked));
    const auto* child = std::find_if(std::begin(kChildren), std::end(kChildren),
                                     [&](const Child& row) { return row.in == message && row.field == field; });
    if (child != std::end(kChildren)) enter(child->child, content, depth + 1);
  }

  std::uint64_t number(ByteSpan& bytes) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const std::uint8_t byte = skip(bytes, 1).front();
      if (shift < 64) value |= std::uint64_t{byte & 127U} << shift;
      if (byte < 128) return value;
    }
    refuse("it is not a protobuf message");
  }

  // Returns the next `count` bytes and goes past them.
  ByteSpan skip(ByteSpan& bytes, std::uint64_t count) {
    if (count > bytes.size()) refuse("it is truncated, or not a protobuf message");
    const ByteSpan skipped = bytes.first(static_cast<std::size_t>(count));
    bytes = bytes.subspan(skipped.size());
    return skipped;
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw UserError(fmt::format("{}: not a sound ONNX file: {}", path_, why), ExitCode::invalid_model);
  }

  const std::string& path_;
  int fields_ = 0;
};

}  // namespace

void check_onnx_bytes(ByteSpan file, const std::string& path) { Walk(path).enter(Message::model, file, 0); }

}  // namespace cleave
