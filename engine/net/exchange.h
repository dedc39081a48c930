// Single messages over a channel, without a session: questions and answers that may be lost with the connection.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/channel.h"
#include "engine/net/message.h"

namespace cleave {

// The edge of a question that belongs to no plan: FNV-1a of its name.
constexpr std::uint64_t edge_of_question(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char letter : name) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001B3U;
  return hash;
}

// A point in time that all waits of an exchange end at.
class Until {
 public:
  explicit Until(double timeout_s)
      : end_(Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout_s))) {}
  // Seconds until then, 0 once it has passed.
  double left_s() const { return std::max(0.0, std::chrono::duration<double>(end_ - Clock::now()).count()); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point end_;
};

struct Message {
  MessageHeader header;
  std::vector<std::byte> payload;
};

// Writes one message; length and checksum of the header are set here.
IoResult write_message(Channel& channel, MessageHeader header, std::span<const std::byte> payload, const Until& until);

// Reads one message of this edge, of at most `most` bytes of payload. What is no such message is `failed`, with what is
// wrong with it.
IoResult read_message(Channel& channel, std::uint64_t edge, std::int64_t most, Message& message, const Until& until);

// What an IoResult that is not ok says to people: "no answer in time", "it hung up", or its error.
std::string what_happened(const IoResult& result);

// Greets as the end that dialled and waits for the WELCOME.
struct Greeted {
  Greeting welcome;                            // when there is no fault
  std::string fault;                           // for people; "" = none
  bool is_sent = false;                        // the HELLO left: a TLS handshake before it is done …
  std::chrono::steady_clock::time_point sent;  // … at this time
  std::optional<Refusal> refusal;              // the other end refused
};
Greeted greet(Channel& channel, std::uint64_t edge, const Greeting& hello, const Until& until);

// The answers of the end that was dialled.
IoResult write_welcome(Channel& channel, std::uint64_t edge, const Greeting& welcome, const Until& until);
IoResult write_refusal(Channel& channel, std::uint64_t edge, const Refusal& refusal, const Until& until);

}  // namespace cleave
