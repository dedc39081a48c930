// The inside of a Bridge: what its threads share, and the steps they take at it. Private to bridge*.cpp.
//
// Two threads serve a bridge, whatever happens to its connections. The *link* thread dials (or waits to be attached),
// then reads. The *writer* writes what is large or late, and ticks. Small messages do not wait for the writer: whoever
// made them writes them, if nobody is writing just then (`writing` is that right), and hands the rest over after a few
// milliseconds, so that a peer that does not read stops nobody but the writer.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/net/buffer.h"
#include "engine/net/channel.h"
#include "engine/net/message.h"
#include "engine/net/session.h"
#include "engine/runtime/bridge.h"
#include "engine/runtime/bridge_parts.h"

namespace cleave {

struct BridgeCore {
  explicit BridgeCore(BridgeOptions given);

  const BridgeOptions options;
  // Where only frames come in, their checksums are summed while the rest of the payload is still coming, and not by the
  // session behind it.
  const bool sums_as_it_reads;
  BufferPool pool;
  std::function<void()> on_change;
  std::thread link_thread, writer_thread;
  std::mutex stop_mutex;  // of those who join them

  mutable std::mutex mutex;  // of all below
  // room: `send` may go on. arrived: `receive`. drained: `wait_drained`. work: the writer. link: the link thread.
  // ended: `stop`, for the writer.
  std::condition_variable room, arrived, drained, work, link, ended;
  Session session;
  std::optional<WireFrame> front;  // taken from the session to see whether it has one; the next to be received
  std::int64_t peer_changes = 0;
  std::uint64_t commit_to = 0;      // as the user said; the session is told now and then, for each time is a message
  std::int64_t commits = 0;         // since the session was told
  std::int64_t received_bytes = 0;  // by the user, since then
  bool stopping = false, failed = false, writer_ended = false;
  std::string fault;     // the last one
  std::string log_line;  // to be logged; "" = nothing
  std::string last_log;
  Outlook reported;
  // To be notified at the turn's end: whoever is woken earlier would only wait for the mutex.
  bool wake_room = false, wake_arrived = false, wake_drained = false, wake_work = false, wake_link = false;
  WaitClock send_wait, receive_wait;
  double busy_s = 0;

  std::shared_ptr<Channel> channel;  // null: down
  std::int64_t connection = 0;       // counts channels
  std::vector<Doomed> doomed;
  bool writing = false;          // somebody writes to `channel`, without the lock
  std::optional<Writing> ready;  // what is to be written next
  bool is_tls = false;           // `channel`
  std::vector<std::byte> spare;  // memory for the next Writing
  std::deque<Delayed> delayed;   // behind it, in order
  double link_free_s = 0;        // when the emulated link is free again
  double next_tick_s = 0, ack_at_s = kNever, writer_until_s = kNever;
};

// A turn at the core: holds its mutex. What must not be done under it, closing connections and calling the user, is
// done at the turn's end; the user is called in turns of the bridge's own threads only.
class Turn {
 public:
  enum class Of : std::uint8_t { user, bridge };
  Turn(BridgeCore& core, Of of);
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  void pause();
  void resume();
  // Waits until notified or `until_s`; returns at once when there is something to be done without the lock.
  void wait(std::condition_variable& condition, double until_s);

 private:
  bool owes() const;
  BridgeCore& core_;
  Of of_;
  std::unique_lock<std::mutex> lock_;
};

// All of these within a turn.
// Whether there is a frame to be received, which then is `front`.
bool peek(BridgeCore& core, double now);
bool is_at_end(BridgeCore& core);
// Whether there is something for the caller to write now, which then is `ready`. False while somebody writes.
bool fetch(BridgeCore& core, double now);
// Writes what is `ready`, pausing the turn. What is not written at the timeout stays `ready`.
void write_ready(BridgeCore& core, Turn& turn, double timeout_s);
// Writes small messages, if any, and leaves the rest to the writer.
void write_small(BridgeCore& core, Turn& turn);
// Wakes the writer if it has something to do now.
void wake_writer(BridgeCore& core);
// An ACK is due soon: the writer must not sleep longer.
void expect_ack(BridgeCore& core, double now);
// After each greeting: frames may be numbered anew.
void note_peer(BridgeCore& core);
// Tells the session what was committed.
void forward_commit(BridgeCore& core);
void wake_users(BridgeCore& core);
void obey(BridgeCore& core, Verdict verdict);
// Goes on with another connection (the session knows it already).
void adopt(BridgeCore& core, std::shared_ptr<Channel> channel);
void lose(BridgeCore& core, const std::string& why);

// The threads.
void run_link(BridgeCore& core);
void run_writer(BridgeCore& core);

}  // namespace cleave
