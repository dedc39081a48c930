#include "tests/support/session_pair.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace cleave {

namespace {
constexpr std::int64_t kItemBytes = 4;

std::byte pattern(std::uint64_t seq, std::size_t at) { return static_cast<std::byte>((seq * 31 + at * 7 + 5) & 0xFF); }
}  // namespace

SessionOptions edge_options(const std::string& device) {
  SessionOptions options;
  options.edge = 77;
  options.plan_hash[0] = 0x3F;
  options.device = device;
  options.peer = device == "a" ? "b" : "a";
  options.boot_id = device == "a" ? 100 : 200;
  options.item_bytes = kItemBytes;
  options.most_items = 4;
  options.window_frames = 4;
  options.keep_frames = 8;
  return options;
}

Payload test_payload(std::uint64_t seq, std::int64_t items) {
  const std::shared_ptr<Buffer> payload = std::make_shared<Buffer>(items * kItemBytes);
  for (std::size_t i = 0; i < payload->bytes().size(); ++i) payload->bytes()[i] = pattern(seq, i);
  return payload;
}

WireFrame test_frame(std::uint64_t seq, std::int64_t items) { return {seq, seq + 1000, 0, test_payload(seq, items)}; }

bool is_intact(const WireFrame& frame) {
  if (frame.tag != frame.seq + 1000 || frame.payload == nullptr) return false;
  const Payload made = test_payload(frame.seq, frame.payload->size() / kItemBytes);
  return std::ranges::equal(made->bytes(), frame.payload->bytes());
}

Travelling travel(const Outgoing& message) {
  Travelling arrived;
  const HeaderFault fault = decode_header(encode_header(message.header), message.header.edge, 1 << 20, arrived.header);
  EXPECT_EQ(fault, HeaderFault::none) << to_text(fault);
  const std::span<const std::byte> body =
      message.payload != nullptr ? message.payload->bytes() : std::span<const std::byte>(message.control);
  EXPECT_EQ(body.size(), message.header.length);
  if (body.empty()) return arrived;
  arrived.payload = std::make_shared<Buffer>(static_cast<std::int64_t>(body.size()));
  std::memcpy(arrived.payload->bytes().data(), body.data(), body.size());
  return arrived;
}

SessionPair::SessionPair() : SessionPair(edge_options("a"), edge_options("b")) {}
SessionPair::SessionPair(const SessionOptions& of_a, const SessionOptions& of_b) : a(of_a), b(of_b) {}

void SessionPair::say_a() {
  while (const std::optional<Outgoing> said = a.next_output(now)) to_b.push_back(travel(*said));
}

void SessionPair::say_b() {
  while (const std::optional<Outgoing> said = b.next_output(now)) to_a.push_back(travel(*said));
}

void SessionPair::hear_a() {
  while (!to_a.empty()) {
    Travelling heard = std::move(to_a.front());
    to_a.pop_front();
    at_a = a.on_message(heard.header, std::move(heard.payload), now);
    if (at_a != Verdict::keep) return;
  }
}

void SessionPair::hear_b() {
  while (!to_b.empty()) {
    Travelling heard = std::move(to_b.front());
    to_b.pop_front();
    if (heard.header.type == MessageType::hello) {
      const std::optional<Greeting> hello = decode_greeting(std::as_const(*heard.payload).bytes());
      at_b = b.on_hello(hello.value(), now, refusal);
    } else {
      at_b = b.on_message(heard.header, std::move(heard.payload), now);
    }
    if (at_b != Verdict::keep) return;
  }
}

void SessionPair::pump() {
  do {
    say_a();
    hear_b();
    say_b();
    hear_a();
    say_a();
  } while (!to_b.empty() && at_a == Verdict::keep && at_b == Verdict::keep);
}

void SessionPair::connect() {
  at_a = at_b = Verdict::keep;
  a.on_connected(now);
  pump();
}

void SessionPair::disconnect() {
  to_a.clear();
  to_b.clear();
  a.on_disconnected(now);
  b.on_disconnected(now);
}

std::vector<std::uint64_t> SessionPair::take_all() {
  std::vector<std::uint64_t> seqs;
  while (const std::optional<WireFrame> frame = b.take(now)) {
    EXPECT_TRUE(is_intact(*frame)) << "frame " << frame->seq;
    seqs.push_back(frame->seq);
  }
  return seqs;
}

std::int64_t count_of(const std::deque<Travelling>& messages, MessageType type) {
  return std::ranges::count_if(messages, [type](const Travelling& m) { return m.header.type == type; });
}

}  // namespace cleave
