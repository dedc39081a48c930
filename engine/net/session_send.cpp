// The sending half. A frame stays from `send` to the ACK that says that it is committed; in between it is sent once per
// connection on which the peer turns out not to have it. Credit is counted from what the peer says it has: an ACK that
// says "next 7, credit_seq 9" allows two frames behind the sixth, whatever their numbers (with drop_oldest some are
// missing), and those on their way since then use it up.
#include <algorithm>
#include <cassert>
#include <utility>

#include "engine/net/session_state.h"

namespace cleave {

namespace {

std::int64_t bytes_of(const WireFrame& frame) { return frame.payload == nullptr ? 0 : frame.payload->size(); }

bool is_fitting(const SessionOptions& options, const WireFrame& frame) {
  const std::int64_t bytes = bytes_of(frame);
  if ((frame.flags & kFlagExpired) != 0) return bytes == 0;
  return bytes > 0 && bytes % options.item_bytes == 0 && bytes / options.item_bytes <= options.most_items;
}

bool is_window_full(const SessionState& s) {
  return static_cast<std::int64_t>(s.out.kept.size() - s.out.unsent) >= s.options.window_frames;
}

// Makes room for `coming`, which takes over the marker of what goes if nothing else can. What is on its way stays: the
// peer's credit is counted by it.
void drop_oldest(SessionState& s, WireFrame& coming) {
  SendingHalf& out = s.out;
  const std::size_t index = is_window_full(s) || out.delivered == 0 ? out.unsent : 0;
  const WireFrame dropped = std::move(out.kept[index].frame);
  out.kept.erase(out.kept.begin() + static_cast<std::ptrdiff_t>(index));
  out.kept_bytes -= bytes_of(dropped);
  if (index < out.delivered) {  // the peer has it; it is only lost to the peer's successor
    --out.delivered, --out.unsent;
    return;
  }
  ++s.counts.dropped;
  if ((dropped.flags & kFlagMarker) == 0) return;
  WireFrame& heir = out.unsent < out.kept.size() ? out.kept[out.unsent].frame : coming;
  heir.flags |= kFlagMarker;
}

}  // namespace

bool can_send(const SessionState& s) {
  if (s.options.drop_oldest) return true;
  return static_cast<std::int64_t>(s.out.kept.size()) < s.options.keep_frames && !is_window_full(s);
}

bool send_frame(SessionState& s, WireFrame frame) {
  SendingHalf& out = s.out;
  if (s.options.reset_on_new_peer) frame.seq = out.made;
  if (frame.seq < out.committed) {
    out.made = std::max(out.made, frame.seq + 1);
    return true;
  }
  if (frame.seq < out.made) return true;
  assert(frame.seq == std::max(out.made, out.committed) || s.options.drop_oldest);
  assert(!out.end || frame.seq < *out.end);
  assert(is_fitting(s.options, frame));
  if (!can_send(s)) return false;
  const bool too_many = static_cast<std::int64_t>(out.kept.size()) >= s.options.keep_frames;
  if (s.options.drop_oldest && (too_many || is_window_full(s))) drop_oldest(s, frame);
  const std::int64_t bytes = bytes_of(frame);
  const bool sums = s.options.sum_bodies && bytes > 0;
  const std::uint32_t crc = sums ? crc32c(frame.payload->bytes()) : 0;
  out.made = frame.seq + 1;
  out.kept_bytes += bytes;
  if (frame.seq < out.peer_next) {  // we made it again, the peer has it; kept for the peer's successor
    ++out.delivered, ++out.unsent;
  }
  out.kept.push_back({std::move(frame), crc, false});
  return true;
}

void forget_before(SendingHalf& out, std::uint64_t seq) {
  out.committed = std::max(out.committed, seq);
  while (!out.kept.empty() && out.kept.front().frame.seq < out.committed) {
    out.kept_bytes -= bytes_of(out.kept.front().frame);
    out.delivered -= std::min<std::size_t>(out.delivered, 1);
    out.unsent -= std::min<std::size_t>(out.unsent, 1);
    out.kept.pop_front();
  }
}

void resume_at(SendingHalf& out, std::uint64_t next) {
  out.peer_next = next;
  out.delivered = 0;
  while (out.delivered < out.kept.size() && out.kept[out.delivered].frame.seq < next) ++out.delivered;
  out.unsent = out.delivered;
}

std::uint64_t first_kept(const SendingHalf& out) {
  return out.kept.empty() ? std::max(out.made, out.committed) : out.kept.front().frame.seq;
}

bool must_greet_again(const SessionState& s) {
  return s.link == LinkState::up && s.out.peer_next < s.out.committed && !s.options.drop_oldest;
}

Verdict on_ack(SessionState& s, std::span<const std::byte> body) {
  SendingHalf& out = s.out;
  const std::optional<Ack> ack = decode_ack(body);
  if (!ack) return close_link(s, "an acknowledgement that cannot be read");
  if (ack->next < out.peer_next || ack->committed > ack->next || ack->credit_seq < ack->next) {
    return close_link(s, "an acknowledgement that contradicts itself or the one before");
  }
  out.peer_next = ack->next;
  out.room = ack->credit_seq - ack->next;
  out.credit_bytes = std::max(out.credit_bytes, ack->credit_bytes);
  while (out.delivered < out.kept.size() && out.kept[out.delivered].frame.seq < ack->next) ++out.delivered;
  out.unsent = std::max(out.unsent, out.delivered);
  forget_before(out, ack->committed);
  return Verdict::keep;
}

Verdict on_drained(SessionState& s, std::uint64_t end) {
  SendingHalf& out = s.out;
  if (!out.end || end < *out.end || end > kMaxPosition) {
    return close_link(s, "the peer says that it has everything, and was not told the end");
  }
  out.peer_next = std::max(out.peer_next, end);
  forget_before(out, end);
  out.drained = true;
  return Verdict::keep;
}

std::optional<Outgoing> next_data(SessionState& s) {
  SendingHalf& out = s.out;
  if (must_greet_again(s)) return std::nullopt;
  if (out.unsent == out.kept.size()) {
    const bool all = s.options.drop_oldest || std::max(out.made, out.peer_next) >= out.end.value_or(0);
    if (!out.end || out.end_told || !all) return std::nullopt;
    out.end_told = true;
    return control_message(s, MessageType::drain, *out.end, {});
  }
  KeptFrame& kept = out.kept[out.unsent];
  const std::uint64_t bytes = static_cast<std::uint64_t>(bytes_of(kept.frame));
  // With drop_oldest a place is kept for a frame that may still be dropped.
  const std::uint64_t keep = static_cast<std::uint64_t>(s.options.keep_frames) - (s.options.drop_oldest ? 1 : 0);
  if (out.unsent - out.delivered >= std::min(out.room, keep)) return std::nullopt;
  if (out.written_bytes + bytes > out.credit_bytes) return std::nullopt;
  ++out.unsent;
  out.written_bytes += bytes;
  ++(kept.was_sent ? s.counts.frames_resent : s.counts.frames_sent);
  kept.was_sent = true;
  s.counts.bytes_sent += kMessageHeaderBytes + static_cast<std::int64_t>(bytes);
  const bool sums = s.options.sum_bodies || bytes == 0;
  const MessageHeader header{
      .type = MessageType::data,
      .flags = static_cast<std::uint8_t>((kept.frame.flags & ~kFlagNoCrc) | (sums ? 0 : kFlagNoCrc)),
      .edge = s.options.edge,
      .seq = kept.frame.seq,
      .tag = kept.frame.tag,
      .length = static_cast<std::uint32_t>(bytes),
      .body_crc = kept.crc};
  return Outgoing{header, kept.frame.payload, {}};
}

}  // namespace cleave
