// Session: the protocol of one edge, without I/O: no clock, socket, thread or random numbers inside, so that a seeded
// simulator runs the code that runs between machines. wire.md gives the rules; `Bridge` gives it a channel and a clock.
//
// A session outlives its connections. Frames are numbered 0, 1, 2 … by whoever makes them. The sending end keeps each
// frame until it is *committed*: until the end of the whole pipeline has it for good. After a reconnect the receiving
// end says which frame it wants next, and gets it. So a process may die at any moment: its successor is sent, or makes
// again, everything that is not committed, and whoever had it already drops it by its number.
//
// Most sessions use one direction. Control edges use both.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/net/buffer.h"
#include "engine/net/message.h"

namespace cleave {

struct SessionOptions {
  std::uint64_t edge = 0;
  std::array<std::uint8_t, 32> plan_hash{};
  std::string device, peer;        // this end, the other one
  std::uint64_t boot_id = 0;       // of this process
  std::uint64_t incarnation = 0;   // of this device in the plan
  std::int64_t item_bytes = 1;     // a payload is a multiple of it …
  std::int64_t most_items = 1;     // … of at most so many
  std::int64_t window_frames = 2;  // that may be on their way or wait at the receiving end
  std::int64_t window_bytes = std::int64_t{64} << 20;
  std::int64_t keep_frames = 1024;  // that the sending end keeps until they are committed
  bool drop_oldest = false;         // a full window drops its oldest unsent frame instead of refusing new ones
  bool sum_bodies = true;           // CRC-32C of payloads
  // Control edges: a peer with another boot id begins anew. All frames of both directions are dropped, numbers start at
  // 0 again, and `peer_changes` counts up. Otherwise a new peer continues where the old one was.
  bool reset_on_new_peer = false;
  double ping_s = 0.25, suspect_s = 1, dead_s = 2;
  double ack_s = 0.02;
  std::int64_t ack_frames = 16;
};

// A frame as it is handed in and out.
struct WireFrame {
  std::uint64_t seq = 0;
  std::uint64_t tag = 0;
  std::uint8_t flags = 0;
  Payload payload;
};

// One message to be written; the payload's bytes are those of `payload`, else of `control`.
struct Outgoing {
  MessageHeader header;
  Payload payload;
  std::vector<std::byte> control;
};

enum class LinkState : std::uint8_t { down, greeting, up, refused };

// What the caller must do after an event.
enum class Verdict : std::uint8_t {
  keep,     // go on
  close,    // close the connection and dial again (or wait for the peer to)
  give_up,  // the peer refused us for good, or we it: `why()` says so
};

struct SessionCounts {
  std::int64_t frames_sent = 0, frames_resent = 0, bytes_sent = 0;  // bytes with headers, data messages only
  std::int64_t frames_received = 0, duplicates = 0, bytes_received = 0;
  std::int64_t dropped = 0;  // by drop_oldest
  std::int64_t corrupt = 0, connects = 0;
};

struct SessionState;

// Not thread safe. Times are seconds on any steady clock; they never run backwards.
class Session {
 public:
  explicit Session(const SessionOptions& options);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  // ---- sending end, application side
  // Whether `send` would take another frame now.
  bool can_send() const;
  // Takes the next frame; seqs ascend by one from `first` of start_at (or, with drop_oldest, may skip); with
  // reset_on_new_peer they are given here. Returns false, taking nothing, when there is no room. A frame before
  // `sent_committed`, or that is held already, is taken and dropped.
  bool send(WireFrame frame, double now);
  // The sending end begins at this frame instead of 0: everything before it is committed. Also later, when that is
  // known; a peer that still wants an earlier frame is then greeted again.
  void start_at(std::uint64_t first);
  // No frame at or after `end` will come. Told to the peer once all before it are sent. With drop_oldest: call it
  // behind the last `send`.
  void end_at(std::uint64_t end);
  // All frames before it are safe for good, as the other end says.
  std::uint64_t sent_committed() const;
  // The peer has said that it has everything up to the end (DRAINED).
  bool is_drained() const;

  // ---- receiving end, application side
  // The receiving end wants this frame next; all before it are committed. Before the first connection.
  void expect_from(std::uint64_t next);
  // Returns the next frame in order, and gives its credit back.
  std::optional<WireFrame> take(double now);
  // All frames before `seq` are safe for good; told to the peer. May be ahead of what has arrived (after a restart):
  // then frames before it are no longer wanted. With reset_on_new_peer it ends at what was taken.
  void commit(std::uint64_t seq, double now);
  std::uint64_t received_next() const;                // seq of the next frame to arrive
  std::uint64_t received_committed() const;           // as `commit` said, or as the peer knew it
  std::optional<std::uint64_t> received_end() const;  // by DRAIN

  // ---- connection side
  // The end that dials: call on a new connection, then write `next_output`.
  void on_connected(double now);
  // The end that was dialled: the peer's HELLO on a new connection, which supersedes the old one if the verdict is
  // keep; nothing from the old one may be handed in then. The next output is the WELCOME. Otherwise `refusal` is what
  // the caller must write on the new connection and close it; the old one, if any, goes on untouched.
  Verdict on_hello(const Greeting& hello, double now, std::optional<Refusal>& refusal);
  void on_disconnected(double now);
  // Any other message. `header` has passed decode_header for this edge. Unless the verdict is keep, what next_output
  // still has (a REFUSE) is to be written before the connection is closed; so for all verdicts.
  Verdict on_message(const MessageHeader& header, std::shared_ptr<Buffer> payload, double now);
  // A message that fails decode_header, or a payload of another checksum; three within 60 s: give_up.
  Verdict on_corrupt(const std::string& what, double now);
  // To be called at least every ping_s / 2.
  Verdict on_tick(double now);
  // Returns the next message to write; nothing = nothing to say now. What is returned counts as written.
  std::optional<Outgoing> next_output(double now);

  LinkState state() const;
  const std::string& why() const;  // for people: why it closed or gave up; "" = it did not
  const SessionCounts& counts() const;
  const Greeting& peer() const;       // its last greeting
  std::int64_t peer_changes() const;  // how often a greeting came with another boot id than the one before; 0 at first
  // Bytes held for the peer: frames not committed, and frames not taken.
  std::int64_t held_bytes() const;
  double silent_s(double now) const;  // since the peer was heard last; 0 when down

 private:
  std::unique_ptr<SessionState> state_;
};

}  // namespace cleave
