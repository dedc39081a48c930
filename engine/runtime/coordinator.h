// Coordinator: who hands out the work: one control session to each worker, which it assigns a stage, and assigns it
// again when the process at the other end is a new one.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/runtime/control.h"

namespace cleave {

struct SwarmMember {
  std::string device;
  Address address;
};

struct CoordinatorOptions {
  std::vector<SwarmMember> members;
  TlsFiles tls;
  double connect_s = 10;  // that every worker may take to be found at the start
  double dead_s = 2;      // silence after which a worker is taken for lost; it may come back
  // What a worker is sent, `incarnation` counting the processes that were there: assign … begin. Called by the
  // coordinator's own thread.
  std::function<std::vector<ControlMessage>(int member, std::uint64_t incarnation)> work;
  // What a worker says. Called by the coordinator's own thread; what it throws ends the run.
  std::function<void(int member, const ControlMessage& message)> told;
  // Called some twenty times a second by that thread: to restart processes, to look at clocks. May throw as well.
  std::function<void()> look;
  std::function<void(const std::string&)> log;       // what the user should know: a worker is lost, or back
  std::function<void(const std::string&)> link_log;  // what every link does; may be empty
  std::function<void()> failed;  // something was thrown, or a worker failed: called once; `check` throws it
};

enum class MemberState : std::uint8_t { lost, assigned, ready, done };
const char* to_text(MemberState state);

struct MemberStatus {
  MemberState state = MemberState::lost;
  double lost_s = 0;              // for so long; 0 = is there
  std::uint64_t incarnation = 0;  // of the process there now; 0 = none was seen yet
  std::string why;                // it is lost
};

// Thread safe, but for callbacks as said above.
class Coordinator {
 public:
  explicit Coordinator(CoordinatorOptions options);
  ~Coordinator();  // releases the workers that can be reached, and stops

  // Begins, and waits until every worker is ready. No callback is called before. Throws RunError
  // (ExitCode::unreachable) naming those that are not there after connect_s and why; what a worker or callback threw;
  // Interrupted when `stop` is set.
  void wait_ready(const std::atomic<bool>& stop);
  // Waits until every worker is done; false at the timeout. Throws like `check`.
  bool wait_done(double timeout_s);
  // Throws what went wrong since the last time: a worker failed, a callback threw.
  void check() const;

  void send(int member, ControlMessage message);
  void broadcast(ControlKind kind, const std::string& text);
  std::vector<MemberStatus> status() const;
  const std::vector<SwarmMember>& members() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cleave
