// Messages: what travels between two processes, byte by byte: a fixed header, then a payload. Little endian.
//
//   0 u32 magic "CLV1" | 4 u8 major | 5 u8 minor | 6 u8 type | 7 u8 flags | 8 u64 edge | 16 u64 seq | 24 u64 tag |
//   32 u32 length | 36 u32 CRC-32C of bytes 0-35 | 40 u32 CRC-32C of the payload | 44 u32 zero
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cleave {

inline constexpr std::int64_t kMessageHeaderBytes = 48;
inline constexpr std::int64_t kMaxControlBytes = 4096;  // payload of all types but data
inline constexpr std::uint8_t kWireMajor = 1, kWireMinor = 0;

enum class MessageType : std::uint8_t { hello = 1, welcome, refuse, data, ack, ping, pong, drain, drained, bye };
const char* to_text(MessageType type);

// Flags of a data message.
inline constexpr std::uint8_t kFlagMarker = 1;   // training: a checkpoint is due behind this batch
inline constexpr std::uint8_t kFlagExpired = 2;  // inference: its deadline passed; the payload is empty
inline constexpr std::uint8_t kFlagNoCrc = 4;    // the payload is not checked: TLS or the system does it

struct MessageHeader {
  MessageType type = MessageType::ping;
  std::uint8_t flags = 0;
  std::uint8_t minor = kWireMinor;
  std::uint64_t edge = 0;  // which edge of which plan
  std::uint64_t seq = 0;   // data: of the frame; drain and drained: one behind the last frame
  std::uint64_t tag = 0;   // request, or epoch << 32 | batch
  std::uint32_t length = 0;
  std::uint32_t body_crc = 0;

  bool operator==(const MessageHeader&) const = default;
};

using HeaderBytes = std::array<std::byte, kMessageHeaderBytes>;
HeaderBytes encode_header(const MessageHeader& header);

// What is wrong with a header, in the order in which it is looked at.
enum class HeaderFault : std::uint8_t { none, magic, version, checksum, edge, type, length };
const char* to_text(HeaderFault fault);
// Fills `header`; `edge` 0 accepts any. `most` is the largest payload of a data message; other types carry at most
// kMaxControlBytes.
HeaderFault decode_header(const HeaderBytes& bytes, std::uint64_t edge, std::int64_t most, MessageHeader& header);

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

// Seqs, byte counts and the like beyond it are refused: no run gets there, and sums of two stay in range.
inline constexpr std::uint64_t kMaxPosition = std::uint64_t{1} << 62;

inline constexpr std::size_t kMaxNameBytes = 128, kMaxRefusalBytes = 1000;

// HELLO and WELCOME: who is at this end of an edge, and where it stands.
struct Greeting {
  std::uint8_t major = kWireMajor, minor = kWireMinor;
  std::array<std::uint8_t, 32> plan_hash{};  // SHA-256; zero on control edges
  std::string device;                        // who speaks; at most 128 bytes
  std::string peer;                          // whom it expects; "" = anybody
  std::uint64_t boot_id = 0;                 // random, of the process
  std::uint64_t met_boot_id = 0;             // of the process at the other end that was met last; 0 = none
  std::uint64_t incarnation = 0;             // of the worker in this plan; a lower one than seen is a zombie
  std::int64_t item_bytes = 0;               // of one sample
  // What it sends: everything before `sent_committed` is safe for good, frames from `sent_first` on can be had.
  std::uint64_t sent_committed = 0, sent_first = 0;
  // What it receives: the frame it wants next, all before `committed` are safe for good. It has room for
  // credit_seq - next frames from `next` on, and for `credit_bytes` bytes of payload on this connection, all together.
  std::uint64_t next = 0, committed = 0, credit_seq = 0, credit_bytes = 0;

  bool operator==(const Greeting&) const = default;
};
std::vector<std::byte> encode_greeting(const Greeting& greeting);
std::optional<Greeting> decode_greeting(std::span<const std::byte> bytes);

// ACK: what the receiver has.
struct Ack {
  std::uint64_t next = 0, committed = 0, credit_seq = 0, credit_bytes = 0;

  bool operator==(const Ack&) const = default;
};
std::vector<std::byte> encode_ack(const Ack& ack);
std::optional<Ack> decode_ack(std::span<const std::byte> bytes);

// REFUSE: why, and what to do about it.
enum class RefuseCode : std::uint8_t { version, plan, device, zombie, item_size, busy, gap, corrupt, unknown_edge };
const char* to_text(RefuseCode code);
struct Refusal {
  RefuseCode code = RefuseCode::busy;
  std::string text;  // for people: "plan differs: yours 3f2a, mine 91bc; deploy it again"

  // Whether trying again later may help.
  bool is_final() const { return code != RefuseCode::busy && code != RefuseCode::unknown_edge; }
  bool operator==(const Refusal&) const = default;
};
std::vector<std::byte> encode_refusal(const Refusal& refusal);
std::optional<Refusal> decode_refusal(std::span<const std::byte> bytes);

}  // namespace cleave
