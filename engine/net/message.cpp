#include "engine/net/message.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <concepts>
#include <cstring>
#include <limits>

namespace cleave {

namespace {

static_assert(std::endian::native == std::endian::little, "the wire is little endian; bytes would have to be swapped");

constexpr std::uint32_t kMagic = 0x31564C43;  // "CLV1"
constexpr std::size_t kChecked = 36;          // bytes of the header that its checksum covers

template <std::integral T>
void store(HeaderBytes& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

template <std::integral T>
T load(const HeaderBytes& bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Numbers and short texts one after the other.
struct ByteWriter {
  std::vector<std::byte> bytes;

  template <std::integral T>
  void number(T value) {
    const std::size_t at = bytes.size();
    bytes.resize(at + sizeof value);
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }
  void text(const std::string& text, std::size_t most) {
    const std::size_t length = std::min(text.size(), most);
    number(static_cast<std::uint16_t>(length));
    const std::span<const std::byte> all = std::as_bytes(std::span(text.data(), length));
    bytes.insert(bytes.end(), all.begin(), all.end());
  }
};

// Reads them back. What does not fit sets `bad`, and from then on everything is zero.
struct ByteReader {
  std::span<const std::byte> rest;
  bool bad = false;

  bool take(void* to, std::size_t count) {
    bad = bad || rest.size() < count;
    if (bad || count == 0) return !bad;
    std::memcpy(to, rest.data(), count);
    rest = rest.subspan(count);
    return true;
  }
  template <std::integral T>
  void number(T& value) {
    if (!take(&value, sizeof value)) value = 0;
  }
  void text(std::string& text, std::size_t most) {
    std::uint16_t length = 0;
    number(length);
    bad = bad || length > most || length > rest.size();
    text.resize(bad ? 0 : length);
    take(text.data(), text.size());
  }
  void position(std::uint64_t& value) {
    number(value);
    bad = bad || value > kMaxPosition;
  }
  bool is_done() const { return !bad && rest.empty(); }
};

}  // namespace

const char* to_text(MessageType type) {
  constexpr std::array kNames = {"hello", "welcome", "refuse", "data",    "ack",
                                 "ping",  "pong",    "drain",  "drained", "bye"};
  return kNames.at(static_cast<std::size_t>(type) - 1);
}

const char* to_text(HeaderFault fault) {
  constexpr std::array kNames = {"no fault",        "no message of cleave",    "another version of the protocol",
                                 "damaged header",  "message of another edge", "unknown type of message",
                                 "message too long"};
  return kNames.at(static_cast<std::size_t>(fault));
}

const char* to_text(RefuseCode code) {
  constexpr std::array kNames = {"version", "plan", "device",  "zombie",      "item size",
                                 "busy",    "gap",  "corrupt", "unknown edge"};
  return kNames.at(static_cast<std::size_t>(code));
}

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) {
  std::uint32_t crc = ~before;  // ISA-L neither inverts what it starts with nor what it returns
  while (!bytes.empty()) {
    const std::size_t part = std::min(bytes.size(), static_cast<std::size_t>(std::numeric_limits<int>::max()));
    // ISA-L reads only; its signature forgot to say so.
    auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
    crc = crc32_iscsi(data, static_cast<int>(part), crc);
    bytes = bytes.subspan(part);
  }
  return ~crc;
}

HeaderBytes encode_header(const MessageHeader& header) {
  HeaderBytes bytes{};
  store(bytes, 0, kMagic);
  store(bytes, 4, kWireMajor);
  store(bytes, 5, header.minor);
  store(bytes, 6, static_cast<std::uint8_t>(header.type));
  store(bytes, 7, header.flags);
  store(bytes, 8, header.edge);
  store(bytes, 16, header.seq);
  store(bytes, 24, header.tag);
  store(bytes, 32, header.length);
  store(bytes, 36, crc32c(std::span(bytes).first<kChecked>()));
  store(bytes, 40, header.body_crc);
  return bytes;
}

HeaderFault decode_header(const HeaderBytes& bytes, std::uint64_t edge, std::int64_t most, MessageHeader& header) {
  if (load<std::uint32_t>(bytes, 0) != kMagic) return HeaderFault::magic;
  if (load<std::uint8_t>(bytes, 4) != kWireMajor) return HeaderFault::version;
  const std::uint32_t crc = crc32c(std::span(bytes).first<kChecked>());
  if (load<std::uint32_t>(bytes, 36) != crc || load<std::uint32_t>(bytes, 44) != 0) return HeaderFault::checksum;
  const std::uint64_t its_edge = load<std::uint64_t>(bytes, 8);
  if (edge != 0 && its_edge != edge) return HeaderFault::edge;
  const std::uint8_t type = load<std::uint8_t>(bytes, 6);
  if (type < static_cast<std::uint8_t>(MessageType::hello) || type > static_cast<std::uint8_t>(MessageType::bye)) {
    return HeaderFault::type;
  }
  const std::uint32_t length = load<std::uint32_t>(bytes, 32);
  const bool is_data = type == static_cast<std::uint8_t>(MessageType::data);
  if (static_cast<std::int64_t>(length) > (is_data ? most : kMaxControlBytes)) return HeaderFault::length;
  header = {.type = static_cast<MessageType>(type),
            .flags = load<std::uint8_t>(bytes, 7),
            .minor = load<std::uint8_t>(bytes, 5),
            .edge = its_edge,
            .seq = load<std::uint64_t>(bytes, 16),
            .tag = load<std::uint64_t>(bytes, 24),
            .length = length,
            .body_crc = load<std::uint32_t>(bytes, 40)};
  return HeaderFault::none;
}

std::vector<std::byte> encode_greeting(const Greeting& greeting) {
  ByteWriter to;
  to.number(greeting.major);
  to.number(greeting.minor);
  for (const std::uint8_t byte : greeting.plan_hash) to.number(byte);
  to.text(greeting.device, kMaxNameBytes);
  to.text(greeting.peer, kMaxNameBytes);
  for (const std::uint64_t number : {greeting.boot_id, greeting.met_boot_id, greeting.incarnation}) to.number(number);
  to.number(greeting.item_bytes);
  for (const std::uint64_t number : {greeting.sent_committed, greeting.sent_first, greeting.next, greeting.committed,
                                     greeting.credit_seq, greeting.credit_bytes}) {
    to.number(number);
  }
  return to.bytes;
}

std::optional<Greeting> decode_greeting(std::span<const std::byte> bytes) {
  ByteReader from{bytes};
  Greeting greeting;
  from.number(greeting.major);
  from.number(greeting.minor);
  for (std::uint8_t& byte : greeting.plan_hash) from.number(byte);
  from.text(greeting.device, kMaxNameBytes);
  from.text(greeting.peer, kMaxNameBytes);
  for (std::uint64_t* number : {&greeting.boot_id, &greeting.met_boot_id, &greeting.incarnation}) from.number(*number);
  from.number(greeting.item_bytes);
  for (std::uint64_t* number : {&greeting.sent_committed, &greeting.sent_first, &greeting.next, &greeting.committed,
                                &greeting.credit_seq, &greeting.credit_bytes}) {
    from.position(*number);
  }
  if (!from.is_done()) return std::nullopt;
  return greeting;
}

std::vector<std::byte> encode_ack(const Ack& ack) {
  ByteWriter to;
  for (const std::uint64_t number : {ack.next, ack.committed, ack.credit_seq, ack.credit_bytes}) to.number(number);
  return to.bytes;
}

std::optional<Ack> decode_ack(std::span<const std::byte> bytes) {
  ByteReader from{bytes};
  Ack ack;
  for (std::uint64_t* number : {&ack.next, &ack.committed, &ack.credit_seq, &ack.credit_bytes}) from.position(*number);
  if (!from.is_done()) return std::nullopt;
  return ack;
}

std::vector<std::byte> encode_refusal(const Refusal& refusal) {
  ByteWriter to;
  to.number(static_cast<std::uint8_t>(refusal.code));
  to.text(refusal.text, kMaxRefusalBytes);
  return to.bytes;
}

std::optional<Refusal> decode_refusal(std::span<const std::byte> bytes) {
  ByteReader from{bytes};
  std::uint8_t code = 0;
  from.number(code);
  Refusal refusal;
  from.text(refusal.text, kMaxRefusalBytes);
  if (!from.is_done() || code > static_cast<std::uint8_t>(RefuseCode::unknown_edge)) return std::nullopt;
  refusal.code = static_cast<RefuseCode>(code);
  return refusal;
}

}  // namespace cleave
