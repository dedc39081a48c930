// The receiving half. Frames come in order on one connection; one that is had already (the sender came back before it
// knew) is dropped by its number. What the peer may send is bounded by what we told it, and held against it: a peer
// that sends more than it may is closed, not stored.
#include <algorithm>
#include <cassert>
#include <utility>

#include "engine/net/session_state.h"

namespace cleave {

namespace {

std::int64_t bytes_of(const WireFrame& frame) { return frame.payload == nullptr ? 0 : frame.payload->size(); }

std::string frame_text(std::uint64_t seq) { return "frame " + std::to_string(seq); }

// What is wrong with a frame in itself, "" = nothing.
std::string form_fault(const SessionOptions& options, const MessageHeader& header) {
  const std::int64_t length = header.length;
  if ((header.flags & kFlagExpired) != 0) {
    return length == 0 ? "" : frame_text(header.seq) + " is expired and yet has a payload";
  }
  if (length == 0 || length % options.item_bytes != 0 || length / options.item_bytes > options.most_items) {
    return frame_text(header.seq) + " has " + std::to_string(length) + " bytes, not 1 to " +
           std::to_string(options.most_items) + " times " + std::to_string(options.item_bytes);
  }
  return "";
}

// What is wrong with its place, "" = nothing.
std::string place_fault(const SessionState& s, const MessageHeader& header) {
  const ReceivingHalf& in = s.in;
  if (header.seq >= kMaxPosition) return "a frame with an impossible number";
  if (header.seq < in.next) return "";
  if (header.seq > in.next && !s.options.drop_oldest) {
    return frame_text(header.seq) + " came, " + frame_text(in.next) + " is next";
  }
  if (in.end && header.seq >= *in.end) return frame_text(header.seq) + " came behind the end";
  const std::uint64_t bytes = static_cast<std::uint64_t>(in.waiting_bytes) + header.length;
  if (static_cast<std::int64_t>(in.waiting.size()) >= s.options.window_frames || bytes > window_bytes(s.options)) {
    return frame_text(header.seq) + " came without room for it";
  }
  return "";
}

// Whether the peer should hear at once that it may send more: it may have no room left, or there is half a window more
// than it knows.
bool is_room_news(const SessionState& s) {
  const Ack now = current_ack(s);
  const Ack& told = s.in.told;
  const std::uint64_t half_frames = static_cast<std::uint64_t>(s.options.window_frames + 1) / 2;
  return now.credit_seq >= told.credit_seq + half_frames || now.next >= told.credit_seq ||
         now.credit_bytes >= told.credit_bytes + window_bytes(s.options) / 2 ||
         s.in.connection_bytes + most_bytes(s.options) > told.credit_bytes;
}

}  // namespace

std::uint64_t most_bytes(const SessionOptions& options) {
  return static_cast<std::uint64_t>(options.item_bytes * options.most_items);
}

std::uint64_t window_bytes(const SessionOptions& options) {
  return std::max(static_cast<std::uint64_t>(std::max<std::int64_t>(options.window_bytes, 0)), most_bytes(options));
}

Ack current_ack(const SessionState& s) {
  const ReceivingHalf& in = s.in;
  return {.next = in.next,
          .committed = in.committed,
          .credit_seq = in.next + static_cast<std::uint64_t>(s.options.window_frames) - in.waiting.size(),
          .credit_bytes = in.connection_bytes + window_bytes(s.options) - static_cast<std::uint64_t>(in.waiting_bytes)};
}

void wants_from(ReceivingHalf& in, std::uint64_t next) {
  in.committed = std::max(in.committed, next);
  in.next = std::max(in.next, next);
  while (!in.waiting.empty() && in.waiting.front().seq < next) {
    in.waiting_bytes -= bytes_of(in.waiting.front());
    in.waiting.pop_front();
  }
}

Verdict on_data(SessionState& s, const MessageHeader& header, std::shared_ptr<Buffer> payload, double now) {
  ReceivingHalf& in = s.in;
  assert((payload == nullptr ? 0 : payload->size()) == header.length);
  for (const std::string& fault : {form_fault(s.options, header), place_fault(s, header)}) {
    if (!fault.empty()) return close_link(s, fault);
  }
  in.connection_bytes += header.length;
  s.counts.bytes_received += kMessageHeaderBytes + header.length;
  if (in.unacked++ == 0) in.unacked_since_s = now;
  if (in.unacked >= s.options.ack_frames) in.ack_due = true;
  if (header.seq < in.next) {
    ++s.counts.duplicates;
    return Verdict::keep;
  }
  in.next = header.seq + 1;
  in.waiting_bytes += header.length;
  const std::uint8_t flags = header.flags & static_cast<std::uint8_t>(~kFlagNoCrc);
  in.waiting.push_back({header.seq, header.tag, flags, std::move(payload)});
  ++s.counts.frames_received;
  return Verdict::keep;
}

Verdict on_drain(SessionState& s, std::uint64_t end) {
  ReceivingHalf& in = s.in;
  if (end > kMaxPosition) return close_link(s, "an end with an impossible number");
  if (end > in.next && !s.options.drop_oldest) {
    return close_link(s, "the end came before " + frame_text(in.next));
  }
  in.next = std::max(in.next, end);  // what was dropped before the end will not come any more
  in.end = in.next;                  // a sender that came back may know of fewer frames than we have
  in.asked_drained = true;
  return Verdict::keep;
}

std::optional<WireFrame> take_frame(SessionState& s) {
  ReceivingHalf& in = s.in;
  if (in.waiting.empty()) return std::nullopt;
  WireFrame frame = std::move(in.waiting.front());
  in.waiting.pop_front();
  in.waiting_bytes -= bytes_of(frame);
  if (is_room_news(s)) in.ack_due = true;
  return frame;
}

void commit_before(SessionState& s, std::uint64_t seq) {
  ReceivingHalf& in = s.in;
  if (s.options.reset_on_new_peer) seq = std::min(seq, in.waiting.empty() ? in.next : in.waiting.front().seq);
  if (seq <= in.committed) return;
  wants_from(in, seq);
  in.ack_due = true;
}

std::optional<Outgoing> next_answer(SessionState& s, double now) {
  ReceivingHalf& in = s.in;
  if (in.ack_due || (in.unacked > 0 && now >= in.unacked_since_s + s.options.ack_s)) {
    in.told = current_ack(s);
    in.ack_due = false;
    in.unacked = 0;
    return control_message(s, MessageType::ack, 0, encode_ack(in.told));
  }
  if (in.asked_drained && in.end && in.committed >= *in.end) {
    in.asked_drained = false;
    return control_message(s, MessageType::drained, *in.end, {});
  }
  return std::nullopt;
}

}  // namespace cleave
