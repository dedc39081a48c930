// Greetings. Each end tells where both its halves stand; from then on both ends compute the same for either direction:
// the receiver has what it says, and what the sender knows to be committed it need not have. That alone makes every
// reconnect, restart and replay: there is no other way in which positions are agreed upon.
#include <algorithm>
#include <utility>

#include "engine/net/session_state.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

constexpr int kHashDigits = 4;  // enough to tell two plans apart by eye

std::string hash_text(const std::array<std::uint8_t, 32>& hash) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (int i = 0; i < kHashDigits / 2; ++i) {
    const std::uint8_t byte = hash[static_cast<std::size_t>(i)];
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// A stranger's text of any length, fit to be shown: `printable` is made for names and cuts the rest.
std::string shown(const std::string& text) {
  constexpr std::size_t kPiece = 100;
  std::string all;
  for (std::size_t at = 0; at < text.size(); at += kPiece) all += printable(text.substr(at, kPiece));
  return all;
}

std::string quoted(const std::string& name) { return "'" + printable(name) + "'"; }

std::optional<Refusal> judge_device(const SessionOptions& own, const Greeting& greeting) {
  if (!greeting.peer.empty() && greeting.peer != own.device) {
    return Refusal{RefuseCode::device, "this is " + quoted(own.device) + ", you want " + quoted(greeting.peer) +
                                           "; correct the addresses in the swarm file"};
  }
  if (!own.peer.empty() && greeting.device != own.peer) {
    return Refusal{RefuseCode::device, quoted(own.peer) + " is expected here, you are " + quoted(greeting.device) +
                                           "; correct the addresses in the swarm file"};
  }
  return std::nullopt;
}

// A peer without a past of ours, or we without one of its: then its positions are about somebody else.
bool is_about_us(const SessionState& s, const Greeting& greeting) {
  return !s.options.reset_on_new_peer || greeting.met_boot_id == s.options.boot_id;
}

std::optional<Refusal> judge_gap(const SessionState& s, const Greeting& greeting) {
  if (s.options.drop_oldest || !is_about_us(s, greeting)) return std::nullopt;
  const std::uint64_t next = std::max(s.in.next, greeting.sent_committed);
  if (greeting.sent_first <= next) return std::nullopt;
  return Refusal{RefuseCode::gap, "frame " + std::to_string(next) + " is wanted, you have none before " +
                                      std::to_string(greeting.sent_first) + "; start the run again"};
}

}  // namespace

void start_connection(SessionState& s, double now) {
  s.began_s = s.heard_s = s.pinged_s = now;
  s.queue.clear();
  s.pong_due = false;
  s.out.end_told = false;
  s.out.written_bytes = 0;
  s.in.connection_bytes = 0;
  s.in.asked_drained = false;
  s.in.ack_due = false;
  s.in.unacked = 0;
}

Greeting make_greeting(const SessionState& s) {
  const Ack ack = current_ack(s);
  return {.plan_hash = s.options.plan_hash,
          .device = s.options.device,
          .peer = s.options.peer,
          .boot_id = s.options.boot_id,
          .met_boot_id = s.has_met ? s.peer.boot_id : 0,
          .incarnation = s.options.incarnation,
          .item_bytes = s.options.item_bytes,
          .sent_committed = s.out.committed,
          .sent_first = first_kept(s.out),
          .next = ack.next,
          .committed = ack.committed,
          .credit_seq = ack.credit_seq,
          .credit_bytes = ack.credit_bytes};
}

// Whoever works with a peer would lose it to the next who greets, and take it back at once: the two would go on so for
// ever. One that has fallen silent may be replaced.
std::optional<Refusal> judge_other_peer(const SessionState& s, const Greeting& greeting, double now) {
  const bool is_other = s.options.reset_on_new_peer && s.has_met && greeting.boot_id != s.peer.boot_id;
  if (!is_other || s.link != LinkState::up || now - s.heard_s >= s.options.suspect_s) return std::nullopt;
  return Refusal{RefuseCode::busy, "another " + quoted(s.peer.device) + " is at work with " + quoted(s.options.device) +
                                       "; wait until it has ended"};
}

std::optional<Refusal> judge(const SessionState& s, const Greeting& greeting) {
  const SessionOptions& own = s.options;
  if (greeting.major != kWireMajor) {
    return Refusal{RefuseCode::version, "protocol differs: yours " + std::to_string(greeting.major) + ", mine " +
                                            std::to_string(kWireMajor) + "; run the same cleave on both"};
  }
  if (greeting.plan_hash != own.plan_hash) {
    return Refusal{RefuseCode::plan, "plan differs: yours " + hash_text(greeting.plan_hash) + ", mine " +
                                         hash_text(own.plan_hash) + "; deploy it again"};
  }
  if (std::optional<Refusal> refusal = judge_device(own, greeting)) return refusal;
  if (greeting.item_bytes != own.item_bytes) {
    return Refusal{RefuseCode::item_size, "a sample has " + std::to_string(greeting.item_bytes) + " bytes there, " +
                                              std::to_string(own.item_bytes) + " here; deploy the plan again"};
  }
  if (greeting.incarnation < s.highest_incarnation) {
    return Refusal{RefuseCode::zombie, "incarnation " + std::to_string(s.highest_incarnation) + " of " +
                                           quoted(greeting.device) + " took over, you are " +
                                           std::to_string(greeting.incarnation) + "; end this process"};
  }
  return judge_gap(s, greeting);
}

void meet(SessionState& s, const Greeting& greeting) {
  if (s.options.reset_on_new_peer && s.has_met && greeting.boot_id != s.peer.boot_id) {
    s.out = {};
    s.in = {};
    ++s.peer_changes;
  }
  s.has_met = true;
  s.peer = greeting;
  s.highest_incarnation = greeting.incarnation;
  const bool ours = is_about_us(s, greeting);
  wants_from(s.in, ours ? greeting.sent_committed : 0);
  forget_before(s.out, ours ? std::min(greeting.committed, greeting.next) : 0);
  resume_at(s.out, std::max(ours ? greeting.next : 0, s.out.committed));
  // A peer that comes back behind another: what it has had of us is forgotten here, and what follows goes on from
  // there.
  if (s.options.reset_on_new_peer) s.out.made = std::max(s.out.made, s.out.peer_next);
  s.out.room = greeting.credit_seq - std::min(greeting.next, greeting.credit_seq);
  s.out.credit_bytes = greeting.credit_bytes;
  s.link = LinkState::up;
  s.why.clear();
  ++s.counts.connects;
}

Verdict on_welcome(SessionState& s, std::span<const std::byte> body, double now) {
  const std::optional<Greeting> greeting = decode_greeting(body);
  if (!greeting) return close_link(s, "a greeting that cannot be read");
  if (const std::optional<Refusal> refusal = judge(s, *greeting)) {
    const std::string who = "refused " + quoted(greeting->device) + ": ";
    if (refusal->code != RefuseCode::zombie) return give_up(s, *refusal, who + refusal->text);
    // The zombie must end, we need not: its successor will be there.
    s.queue.push_back(control_message(s, MessageType::refuse, 0, encode_refusal(*refusal)));
    return close_link(s, who + refusal->text);
  }
  meet(s, *greeting);
  if (is_about_us(s, *greeting) && greeting->next < s.out.committed && !s.options.drop_oldest) {
    return close_link(s, "greeting again: this end begins at a later frame than it said");
  }
  s.in.ack_due = current_ack(s) != s.in.told;  // its greeting may have moved us on, behind what our HELLO said
  s.heard_s = now;
  return Verdict::keep;
}

Verdict on_refuse(SessionState& s, std::span<const std::byte> body) {
  const std::optional<Refusal> refusal = decode_refusal(body);
  if (!refusal) return close_link(s, "a refusal that cannot be read");
  const std::string why =
      "refused by " + quoted(s.options.peer) + " (" + to_text(refusal->code) + "): " + shown(refusal->text);
  if (!refusal->is_final()) return close_link(s, why);
  close_link(s, why);
  s.given_up = *refusal;
  s.link = LinkState::refused;
  return Verdict::give_up;
}

}  // namespace cleave
