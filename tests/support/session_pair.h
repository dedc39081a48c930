// Two sessions, and a connection between them that keeps what each has said until a test lets it pass.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/net/session.h"

namespace cleave {

// Options of an edge of 4-byte samples from 'a' to 'b', at most 4 a frame.
SessionOptions edge_options(const std::string& device);

// A payload of `items` samples (4 bytes each) that says which frame it is of.
Payload test_payload(std::uint64_t seq, std::int64_t items = 1);
WireFrame test_frame(std::uint64_t seq, std::int64_t items = 1);
bool is_intact(const WireFrame& frame);  // as test_frame made it

// A message as it travels, read back from its bytes.
struct Travelling {
  MessageHeader header;
  std::shared_ptr<Buffer> payload;
};
Travelling travel(const Outgoing& message);

// 'a' dials, 'b' is dialled. Time stands still unless a test moves it.
struct SessionPair {
  Session a, b;
  double now = 0;
  std::deque<Travelling> to_a, to_b;                   // on their way
  std::optional<Refusal> refusal;                      // of the last HELLO
  Verdict at_a = Verdict::keep, at_b = Verdict::keep;  // the last ones

  SessionPair();
  SessionPair(const SessionOptions& of_a, const SessionOptions& of_b);

  void connect();     // HELLO and all that follows from it
  void disconnect();  // what is on its way is lost
  void pump();        // both say what they have to say, and hear it, until there is silence
  void say_a();       // 'a' says what it has to say; nobody hears it yet
  void say_b();
  void hear_a();  // 'a' hears what is on its way to it
  void hear_b();
  bool send(std::uint64_t seq) { return a.send(test_frame(seq), now); }
  // Takes all that 'b' can take; returns their seqs. Fails the test when one is not as it was made.
  std::vector<std::uint64_t> take_all();
};

// Counts messages of a type among those on their way.
std::int64_t count_of(const std::deque<Travelling>& messages, MessageType type);

}  // namespace cleave
