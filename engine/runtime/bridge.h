// Bridge: the runtime carrier of a cut: a session, the connection it has at the moment, and the threads that move its
// bytes. It connects, reconnects for ever, and loses nothing; see engine/net/session.h for the rules.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/net/channel.h"
#include "engine/net/session.h"

namespace cleave {

// An emulated link: messages leave no faster than this, and arrive so much later. 0 = as the real one.
struct LinkPace {
  double bandwidth_bps = 0;
  double latency_s = 0;
};

struct BridgeOptions {
  SessionOptions session;
  std::string name;             // for people: "a -> b"
  std::optional<Address> dial;  // nothing: the peer dials us, see Acceptor
  TlsFiles tls;
  LinkPace pace;
  bool is_sender = true;                        // of data; a control edge is both
  std::function<void(const std::string&)> log;  // one line when the link goes up or down, without repeats; may be empty
};

struct BridgeStatus {
  LinkState state = LinkState::down;
  std::string why;      // the last fault, for people; "" = none
  bool failed = false;  // refused for good: nothing will come any more
  SessionCounts counts;
  std::int64_t held_bytes = 0;
  double silent_s = 0;     // since the peer was heard last
  double send_wait_s = 0;  // spent in `send` for want of room, all together
  double receive_wait_s = 0;
  double busy_s = 0;  // the writing end: time in writing data (with pacing: of the emulated link)
  std::int64_t connects = 0;
  std::int64_t peer_changes = 0;
};

struct BridgeCore;

// Thread safe. All waits end at `stop`.
class Bridge {
 public:
  explicit Bridge(BridgeOptions options);
  ~Bridge();
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  // See Session; expect_from before `start` only.
  void start_at(std::uint64_t first);
  void expect_from(std::uint64_t next);
  // Called, from any thread of the bridge and with no lock held, when something may have changed: a frame arrived, was
  // committed, the link went up or down. Must be quick. Before `start`.
  void on_change(std::function<void()> call);
  void start();
  void stop();

  // Waits for room and hands the frame over; false when stopped or failed.
  bool send(WireFrame frame);
  // The same without waiting; false when there is no room.
  bool try_send(WireFrame frame);
  void end_at(std::uint64_t end);
  // Waits until the peer has said that it has everything (DRAINED); false at the timeout or when stopped.
  bool wait_drained(double timeout_s);
  std::uint64_t sent_committed() const;

  // Waits for the next frame in order; nothing at the timeout (< 0 = for ever), at the end, or when stopped or failed.
  std::optional<WireFrame> receive(double timeout_s);
  bool has_frame() const;  // receive(0) would return one
  bool is_at_end() const;  // all frames before the end were received
  void commit(std::uint64_t seq);
  std::uint64_t received_committed() const;

  BridgeStatus status() const;
  const std::string& name() const;
  const SessionOptions& session_options() const;

  // Takes over a connection on which this HELLO has come. Answers it, also when it refuses.
  void attach(std::unique_ptr<Channel> channel, const Greeting& hello);

 private:
  std::unique_ptr<BridgeCore> core_;
};

struct AcceptLimits {
  int handshakes = 8;       // at a time
  double handshake_s = 2;   // from the connection to the HELLO
  int failures_per_s = 5;   // of an address; more are closed at once
  double file_share = 0.8;  // of the file limit; above it nothing is accepted
};

// Accepts connections on one address for all the bridges of a process: reads the HELLO, finds the bridge by its edge,
// attaches. Refuses unknown edges with a text; closes strangers. With TLS the name in the certificate must be the
// device that the HELLO names, and the one the bridge expects. Thread safe.
class Acceptor {
 public:
  // Throws RunError with the address and what to do.
  Acceptor(const Address& address, const TlsFiles& tls, const AcceptLimits& limits,
           std::function<void(const std::string&)> log);
  ~Acceptor();
  Address address() const;
  // Bridges that connections may be for; a bridge is to be removed before it goes.
  void add(Bridge& bridge);
  void remove(Bridge& bridge);
  // Who answers connections for this edge, which is no bridge's: called by a handshake thread, two at a time at most.
  // Before any such connection is expected; the handler must outlive the acceptor.
  void answer(std::uint64_t edge, std::function<void(Channel&, const Greeting&)> handler);
  std::int64_t refused() const;  // connections closed or refused so far
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cleave
