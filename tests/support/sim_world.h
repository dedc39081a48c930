// The inside of the simulated world; see session_sim.h. Time passes from event to event; events of the same time happen
// in the order in which they were made.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include "engine/net/session.h"
#include "tests/support/session_sim.h"
#include "tests/support/sim_net.h"

namespace cleave {

inline constexpr std::int64_t kSimItemBytes = 4, kSimMostItems = 5;
inline constexpr std::size_t kNone = ~std::size_t{0};

// The node of a process that starts, the process that acts or ends, the side that dials, the connection.
enum class EventKind : std::uint8_t { start, tick, step, end, dial, arrive, accident };

struct Event {
  double at_s = 0;
  std::uint64_t order = 0;
  EventKind kind = EventKind::tick;
  std::size_t which = 0;
  std::size_t end = 0;  // arrive: the end that writes

  bool operator<(const Event& other) const {  // the heap's top is the earliest
    return at_s != other.at_s ? at_s > other.at_s : order > other.order;
  }
};

// One end of a hop in one process, with what a bridge would know.
struct Side {
  std::size_t process = 0, hop = 0;
  bool sends = false, dials = false;
  SessionOptions options;
  Session session;
  std::size_t connection = kNone;
  std::uint64_t met_incarnation = 0, met_boot_id = 0;  // the highest
  bool will_dial = false;                              // a dial is among the events
};

struct Process {
  std::size_t node = 0;
  std::uint64_t incarnation = 0;
  bool is_alive = true;
  double clock_s = 0;  // ahead of the world's
  double cost_s = 0;   // of a frame
  std::size_t in = kNone, out = kNone;
  std::uint64_t made = 0;         // source: the next frame
  std::optional<WireFrame> held;  // at work, or waiting for room
  double held_until_s = 0;
  std::optional<WireFrame> last;  // sink: to be taken once more by a planted mistake
};

class World {
 public:
  World(std::uint64_t seed, SimPlant plant, bool trace);
  SimOutcome run();

 private:
  struct Hop {
    bool receiver_dials = false;
    SessionOptions options;
  };

  template <class... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    if (trace_) fmt::print(stderr, "{:8.4f} {}\n", now_, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void fail(fmt::format_string<Args...> format, Args&&... args) {
    if (!outcome_.fault.empty()) return;
    outcome_.fault = fmt::format("at {:.4f} s: {}", now_, fmt::format(format, std::forward<Args>(args)...));
  }
  void schedule(double in_s, EventKind kind, std::size_t which, std::size_t end = 0) {
    events_.push({now_ + in_s, order_++, kind, which, end});
  }
  std::string name(std::size_t process) const {
    return fmt::format("{}.{}", processes_[process].node, processes_[process].incarnation);
  }
  double clock(const Side& side) const { return now_ + processes_[side.process].clock_s; }
  std::size_t nodes() const { return hops_.size() + 1; }
  bool is_zombie(std::size_t process) const { return newest_[processes_[process].node] != process; }

  void handle(const Event& event);
  bool is_done() const;
  void count_up();

  // Processes: sim_process.cpp.
  void start_process(std::size_t node);
  std::size_t add_side(std::size_t process, std::size_t hop, bool sends);
  void end_process(std::size_t process);
  void tick(std::size_t process);
  void step(std::size_t process);
  bool step_source(Process& p);
  bool step_stage(Process& p);
  bool step_sink(Process& p);
  bool take(Process& p);
  void write_log(const WireFrame& frame);
  void check(std::size_t process);

  // Connections: sim_link.cpp.
  void dial_later(std::size_t side);
  void dial(std::size_t side);
  std::size_t whom_to_dial(const Side& side);
  void drop(std::size_t connection, std::size_t end);
  void send_pipe(std::size_t connection, std::size_t writer);
  void arrive(std::size_t connection, std::size_t writer);
  void read(std::size_t connection, std::size_t end);
  void greet(std::size_t connection, const MessageHeader& header, const std::shared_ptr<Buffer>& payload);
  void refuse(std::size_t connection, const Refusal& refusal);
  void meet(Side& side);
  void obey(std::size_t side, Verdict verdict);
  void say(std::size_t side);
  void spoil(Outgoing& message, const Side& side);

  // Accidents: session_sim.cpp.
  void cause_accident();
  void cut(std::size_t connection);
  void dial_again();
  void trouble_process(std::int64_t kind);
  std::size_t some_process(bool stages_only);
  std::size_t some_connection();

  SimRandom random_;
  SimPlant plant_;
  bool trace_;
  std::uint64_t seed_;
  bool drops_;  // a full window drops its oldest frame
  double now_ = 0;
  std::uint64_t order_ = 0;
  std::priority_queue<Event> events_;
  std::vector<Hop> hops_;
  std::vector<std::uint64_t> incarnations_;  // [node]: the newest
  std::vector<std::size_t> newest_;          // [node]: its process
  std::deque<Process> processes_;
  std::deque<Side> sides_;
  std::deque<SimConnection> connections_;
  std::uint64_t frames_ = 0;
  std::uint64_t log_ = 0;     // one behind the last frame that the sink has
  bool owed_marker_ = false;  // the sink has got beyond a marker, and not yet got it
  SimOutcome outcome_;
};

}  // namespace cleave
