// The inside of a Session: what it knows, and its parts' functions. Private to session*.cpp.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/net/session.h"

namespace cleave {

struct KeptFrame {
  WireFrame frame;
  std::uint32_t crc = 0;  // of the payload, summed once however often it is sent
  bool was_sent = false;  // on any connection
};

// What this end sends. Of the kept frames the first `delivered` have arrived, those up to `unsent` are on their way on
// this connection, the others wait:
//
//   committed ≤ kept[0] … | kept[delivered] … | kept[unsent] … kept.back() < made
//      peer has it        | on its way        | waits for credit
struct SendingHalf {
  std::deque<KeptFrame> kept;  // ascending
  std::size_t delivered = 0, unsent = 0;
  std::int64_t kept_bytes = 0;
  std::uint64_t made = 0;                             // one behind the last frame handed in
  std::uint64_t committed = 0;                        // all before it are safe for good
  std::uint64_t peer_next = 0;                        // the peer has all before it
  std::uint64_t room = 0;                             // frames that the peer takes from peer_next on
  std::uint64_t credit_bytes = 0, written_bytes = 0;  // of payload, on this connection
  std::optional<std::uint64_t> end;
  bool end_told = false;  // on this connection
  bool drained = false;
};

// What this end receives.
struct ReceivingHalf {
  std::deque<WireFrame> waiting;  // to be taken
  std::int64_t waiting_bytes = 0;
  std::uint64_t next = 0, committed = 0;
  std::uint64_t connection_bytes = 0;  // of payload, on this connection, duplicates too
  std::optional<std::uint64_t> end;
  bool asked_drained = false;  // on this connection: a DRAIN waits for its answer
  Ack told;                    // what the peer knows of us
  bool ack_due = false;        // at once
  std::int64_t unacked = 0;    // frames since `told`
  double unacked_since_s = 0;
};

struct SessionState {
  SessionOptions options;
  LinkState link = LinkState::down;
  SendingHalf out;
  ReceivingHalf in;

  std::deque<Outgoing> queue;  // greetings and refusals: at most two
  bool pong_due = false;
  double began_s = 0, heard_s = 0, pinged_s = 0;  // on this connection

  bool has_met = false;
  Greeting peer;                          // as it came
  std::uint64_t highest_incarnation = 0;  // of the peer
  std::int64_t peer_changes = 0;
  std::vector<double> corrupt_s;  // when messages were corrupt, of the last minute
  std::optional<Refusal> given_up;
  std::string why;
  SessionCounts counts;
};

Outgoing control_message(const SessionState& s, MessageType type, std::uint64_t seq, std::vector<std::byte> body);
// The connection is of no more use.
Verdict close_link(SessionState& s, const std::string& why);
// The session is of no more use; the peer is told.
Verdict give_up(SessionState& s, const Refusal& refusal, const std::string& why);

// ---- greetings
void start_connection(SessionState& s, double now);
Greeting make_greeting(const SessionState& s);
std::optional<Refusal> judge(const SessionState& s, const Greeting& greeting);
std::optional<Refusal> judge_other_peer(const SessionState& s, const Greeting& greeting, double now);
// Takes over what an accepted greeting says.
void meet(SessionState& s, const Greeting& greeting);
Verdict on_welcome(SessionState& s, std::span<const std::byte> body, double now);
Verdict on_refuse(SessionState& s, std::span<const std::byte> body);

// ---- the sending half
bool can_send(const SessionState& s);
bool send_frame(SessionState& s, WireFrame frame);
// All frames before `seq` are safe: they need not be kept.
void forget_before(SendingHalf& out, std::uint64_t seq);
// The peer has all before `next` and none from there on.
void resume_at(SendingHalf& out, std::uint64_t next);
// seq of the oldest frame that can be had.
std::uint64_t first_kept(const SendingHalf& out);
// start_at went beyond what the peer knows, and it waits for a frame that will not come.
bool must_greet_again(const SessionState& s);
Verdict on_ack(SessionState& s, std::span<const std::byte> body);
Verdict on_drained(SessionState& s, std::uint64_t end);
std::optional<Outgoing> next_data(SessionState& s);

// ---- the receiving half
std::uint64_t most_bytes(const SessionOptions& options);    // of a frame
std::uint64_t window_bytes(const SessionOptions& options);  // at least a frame
Ack current_ack(const SessionState& s);
void wants_from(ReceivingHalf& in, std::uint64_t next);
Verdict on_data(SessionState& s, const MessageHeader& header, std::shared_ptr<Buffer> payload, double now);
Verdict on_drain(SessionState& s, std::uint64_t end);
std::optional<WireFrame> take_frame(SessionState& s);
void commit_before(SessionState& s, std::uint64_t seq);
std::optional<Outgoing> next_answer(SessionState& s, double now);

}  // namespace cleave
