// Any bytes as the messages of a peer, to a session that dialled or was dialled. The first byte says what kind of
// session it is, and whether the messages are to be made credible (checksums, edge and lengths put right), since no
// chance finds them. The tag of a message says what the session's owner does behind it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "engine/net/message.h"
#include "engine/net/session.h"

namespace {

using namespace cleave;

constexpr std::uint64_t kEdge = 7;
constexpr std::int64_t kItemBytes = 4, kMostItems = 4, kWindow = 3, kKeep = 5;
constexpr int kMostOutputs = 100;  // at a time

void expect(bool held) {
  if (!held) std::abort();
}

SessionOptions options_of(unsigned kind) {
  SessionOptions options;
  options.edge = kEdge;
  options.item_bytes = kItemBytes, options.most_items = kMostItems;
  options.window_frames = kWindow, options.window_bytes = 40, options.keep_frames = kKeep;
  options.boot_id = 1;
  options.reset_on_new_peer = (kind & 4) != 0;
  options.drop_oldest = (kind & 8) != 0;
  options.sum_bodies = (kind & 16) == 0;
  return options;
}

struct Owner {
  Session session;
  double now = 0;
  std::uint64_t made = 0;

  // The bits of `wish` are what it does.
  void act(std::uint64_t wish) {
    now += static_cast<double>(wish >> 8 & 0xFF) * 0.01;
    if ((wish & 1) != 0) session.take(now);
    if ((wish & 2) != 0) session.commit(session.received_next(), now);
    if ((wish & 4) != 0) made = std::max(made, session.sent_committed());
    if ((wish & 4) != 0 && session.send({made, made, 0, std::make_shared<Buffer>(kItemBytes)}, now)) ++made;
    if ((wish & 8) != 0) session.on_tick(now);
    if ((wish & 16) != 0) session.commit(wish >> 32, now);
    if ((wish & 32) != 0) {
      session.on_disconnected(now);
      session.on_connected(now);
    }
    int outputs = 0;
    while (session.next_output(now)) expect(++outputs < kMostOutputs);
    expect(session.held_bytes() <= (kKeep + kWindow) * kItemBytes * kMostItems);
  }

  void hear(const MessageHeader& header, std::shared_ptr<Buffer> payload) {
    if (header.type != MessageType::hello) {
      session.on_message(header, std::move(payload), now);
      return;
    }
    const std::optional<Greeting> hello =
        decode_greeting(payload == nullptr ? std::span<const std::byte>() : std::as_const(*payload).bytes());
    std::optional<Refusal> refusal;
    if (hello) session.on_hello(*hello, now, refusal);
  }
};

// A header with all that is sought by checksum put right; its payload has at most `most` bytes.
HeaderBytes credible(const HeaderBytes& bytes, std::span<const std::byte> behind) {
  MessageHeader header;
  header.type = static_cast<MessageType>(1 + static_cast<unsigned>(bytes[6]) % 10);
  header.flags = static_cast<std::uint8_t>(bytes[7]);
  header.edge = kEdge;
  std::memcpy(&header.seq, &bytes[16], sizeof header.seq);
  std::memcpy(&header.tag, &bytes[24], sizeof header.tag);
  header.length =
      std::min<std::uint32_t>(static_cast<std::uint32_t>(bytes[32]), static_cast<std::uint32_t>(behind.size()));
  header.body_crc = crc32c(behind.first(header.length));
  return encode_header(header);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned kind = data[0];
  std::span<const std::byte> rest = std::as_bytes(std::span(data + 1, size - 1));
  Owner owner{Session(options_of(kind))};
  if ((kind & 1) != 0) owner.session.on_connected(0);
  while (rest.size() >= static_cast<std::size_t>(kMessageHeaderBytes)) {
    HeaderBytes bytes;
    std::copy_n(rest.begin(), bytes.size(), bytes.begin());
    rest = rest.subspan(bytes.size());
    if ((kind & 2) != 0) bytes = credible(bytes, rest);
    MessageHeader header;
    const HeaderFault fault = decode_header(bytes, kEdge, kItemBytes * kMostItems, header);
    if (fault != HeaderFault::none) {
      owner.session.on_corrupt(to_text(fault), owner.now);
      continue;
    }
    if (header.length > rest.size()) break;
    const std::shared_ptr<Buffer> payload = header.length == 0 ? nullptr : std::make_shared<Buffer>(header.length);
    if (payload != nullptr) std::ranges::copy(rest.first(header.length), payload->bytes().begin());
    rest = rest.subspan(header.length);
    owner.hear(header, payload);
    owner.act(header.tag);
  }
  return 0;
}
