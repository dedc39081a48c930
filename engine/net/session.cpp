#include "engine/net/session.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "engine/net/session_state.h"

namespace cleave {

namespace {

constexpr double kGreetingS = 2;  // from HELLO to WELCOME
constexpr double kCorruptS = 60;  // so many corrupt messages in so long, and the peer is refused
constexpr std::size_t kMostCorrupt = 3;

std::uint32_t crc_of(const std::shared_ptr<Buffer>& payload) {
  return payload == nullptr ? 0 : crc32c(std::as_const(*payload).bytes());
}

std::span<const std::byte> body_of(const std::shared_ptr<Buffer>& payload) {
  if (payload == nullptr) return {};
  return std::as_const(*payload).bytes();
}

// What the peer says, told apart.
Verdict act_on(SessionState& s, const MessageHeader& header, std::shared_ptr<Buffer> payload, double now) {
  switch (header.type) {
    case MessageType::data: return on_data(s, header, std::move(payload), now);
    case MessageType::ack: return on_ack(s, body_of(payload));
    case MessageType::ping: s.pong_due = true; return Verdict::keep;
    case MessageType::pong: return Verdict::keep;
    case MessageType::drain: return on_drain(s, header.seq);
    case MessageType::drained: return on_drained(s, header.seq);
    case MessageType::bye: return close_link(s, "the peer said goodbye");
    case MessageType::refuse: return on_refuse(s, body_of(payload));
    case MessageType::hello:
    case MessageType::welcome: break;
  }
  return close_link(s, std::string("a second ") + to_text(header.type) + " on one connection");
}

}  // namespace

Outgoing control_message(const SessionState& s, MessageType type, std::uint64_t seq, std::vector<std::byte> body) {
  const MessageHeader header{.type = type,
                             .edge = s.options.edge,
                             .seq = seq,
                             .length = static_cast<std::uint32_t>(body.size()),
                             .body_crc = crc32c(body)};
  return {header, nullptr, std::move(body)};
}

Verdict close_link(SessionState& s, const std::string& why) {
  s.link = LinkState::down;
  s.why = why;
  return Verdict::close;
}

Verdict give_up(SessionState& s, const Refusal& refusal, const std::string& why) {
  s.queue.clear();
  s.queue.push_back(control_message(s, MessageType::refuse, 0, encode_refusal(refusal)));
  s.given_up = refusal;
  s.link = LinkState::refused;
  s.why = why;
  return Verdict::give_up;
}

Session::Session(const SessionOptions& options) : state_(std::make_unique<SessionState>()) {
  assert(options.item_bytes > 0 && options.most_items > 0);
  assert(options.item_bytes <= std::numeric_limits<std::uint32_t>::max() / options.most_items);
  SessionOptions& own = state_->options;
  own = options;
  own.device.resize(std::min(own.device.size(), kMaxNameBytes));
  own.peer.resize(std::min(own.peer.size(), kMaxNameBytes));
  own.window_frames = std::max<std::int64_t>(own.window_frames, 1);
  own.keep_frames = std::max({own.keep_frames, own.window_frames, std::int64_t{2}});
}

Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

bool Session::can_send() const { return cleave::can_send(*state_); }
bool Session::send(WireFrame frame, double) { return send_frame(*state_, std::move(frame)); }

void Session::start_at(std::uint64_t first) {
  SendingHalf& out = state_->out;
  out.made = std::max(out.made, first);
  forget_before(out, first);
}

void Session::end_at(std::uint64_t end) {
  assert(state_->out.made <= end || state_->out.committed >= end);
  state_->out.end_told = state_->out.end_told && state_->out.end == end;
  state_->out.end = end;
}

std::uint64_t Session::sent_committed() const { return state_->out.committed; }
bool Session::is_drained() const { return state_->out.drained; }

void Session::expect_from(std::uint64_t next) { wants_from(state_->in, next); }
std::optional<WireFrame> Session::take(double) { return take_frame(*state_); }
void Session::commit(std::uint64_t seq, double) { commit_before(*state_, seq); }
std::uint64_t Session::received_next() const { return state_->in.next; }
std::uint64_t Session::received_committed() const { return state_->in.committed; }
std::optional<std::uint64_t> Session::received_end() const { return state_->in.end; }

void Session::on_connected(double now) {
  SessionState& s = *state_;
  if (s.given_up) return;
  start_connection(s, now);
  s.link = LinkState::greeting;
  s.in.told = current_ack(s);
  s.queue.push_back(control_message(s, MessageType::hello, 0, encode_greeting(make_greeting(s))));
}

Verdict Session::on_hello(const Greeting& hello, double now, std::optional<Refusal>& refusal) {
  SessionState& s = *state_;
  refusal = s.given_up ? s.given_up : judge(s, hello);
  if (!refusal) refusal = judge_other_peer(s, hello, now);
  if (refusal) return Verdict::close;
  start_connection(s, now);
  meet(s, hello);
  s.in.told = current_ack(s);
  s.queue.push_back(control_message(s, MessageType::welcome, 0, encode_greeting(make_greeting(s))));
  return Verdict::keep;
}

void Session::on_disconnected(double) {
  SessionState& s = *state_;
  s.queue.clear();
  if (!s.given_up) s.link = LinkState::down;
}

Verdict Session::on_message(const MessageHeader& header, std::shared_ptr<Buffer> payload, double now) {
  SessionState& s = *state_;
  if (s.given_up) return Verdict::give_up;
  if (s.link == LinkState::down) return Verdict::close;
  s.heard_s = now;
  const bool unsummed = header.type == MessageType::data && (header.flags & kFlagNoCrc) != 0;
  if (unsummed && s.options.sum_bodies) return close_link(s, "frames come without checksums, which this end wants");
  if (!unsummed && crc_of(payload) != header.body_crc) {
    return on_corrupt(std::string("the payload of a ") + to_text(header.type) + " message is damaged", now);
  }
  if (s.link == LinkState::up) return act_on(s, header, std::move(payload), now);
  if (header.type == MessageType::welcome) return on_welcome(s, body_of(payload), now);
  if (header.type == MessageType::refuse) return on_refuse(s, body_of(payload));
  return close_link(s, std::string("a ") + to_text(header.type) + " message before the greeting");
}

Verdict Session::on_corrupt(const std::string& what, double now) {
  SessionState& s = *state_;
  if (s.given_up) return Verdict::give_up;
  ++s.counts.corrupt;
  std::erase_if(s.corrupt_s, [now](double at_s) { return at_s <= now - kCorruptS; });
  s.corrupt_s.push_back(now);
  if (s.corrupt_s.size() < kMostCorrupt) return close_link(s, what);
  const std::string text = std::to_string(kMostCorrupt) + " damaged messages within a minute, the last: " + what +
                           "; check the cable and the network between the two";
  return give_up(s, {RefuseCode::corrupt, text}, text);
}

Verdict Session::on_tick(double now) {
  SessionState& s = *state_;
  if (s.given_up) return Verdict::give_up;
  if (s.link == LinkState::down) return Verdict::keep;
  if (s.link == LinkState::greeting && now - s.began_s >= kGreetingS) return close_link(s, "no answer to the greeting");
  if (now - s.heard_s >= s.options.dead_s) return close_link(s, "the peer has fallen silent");
  if (must_greet_again(s)) return close_link(s, "greeting again: this end begins at a later frame");
  return Verdict::keep;
}

std::optional<Outgoing> Session::next_output(double now) {
  SessionState& s = *state_;
  if (!s.queue.empty()) {
    Outgoing first = std::move(s.queue.front());
    s.queue.pop_front();
    return first;
  }
  if (s.link != LinkState::up) return std::nullopt;
  if (s.pong_due) {
    s.pong_due = false;
    return control_message(s, MessageType::pong, 0, {});
  }
  if (now - std::max(s.heard_s, s.pinged_s) >= s.options.ping_s) {
    s.pinged_s = now;
    return control_message(s, MessageType::ping, 0, {});
  }
  if (std::optional<Outgoing> answer = next_answer(s, now)) return answer;
  return next_data(s);
}

LinkState Session::state() const { return state_->link; }
const std::string& Session::why() const { return state_->why; }
const SessionCounts& Session::counts() const { return state_->counts; }
const Greeting& Session::peer() const { return state_->peer; }
std::int64_t Session::peer_changes() const { return state_->peer_changes; }
std::int64_t Session::held_bytes() const { return state_->out.kept_bytes + state_->in.waiting_bytes; }

double Session::silent_s(double now) const {
  const bool down = state_->link == LinkState::down || state_->link == LinkState::refused;
  return down ? 0 : now - state_->heard_s;
}

}  // namespace cleave
