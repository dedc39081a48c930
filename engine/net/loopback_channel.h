// Connections within a process, for tests: faults come on demand, and the same seed makes the same faults. Not a row of
// the catalog of transports: its names belong to an object, and there is nothing global to keep one in.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/net/channel.h"

namespace cleave {

// What befalls a connection, in each direction for itself.
struct LoopbackFaults {
  std::int64_t drop_at_byte = -1;    // after so many bytes from the end that dialled the connection closes; -1 = never
  double delay_s = 0;                // between a write and the earliest read of it
  std::int64_t most_read_bytes = 0;  // a read returns 1 to so many bytes, at random; 0 = as many as there are
  std::int64_t room_bytes = std::int64_t{1} << 20;  // that are on their way before a write waits
  std::uint64_t seed = 1;
};

// The names that can be dialled, "loopback://NAME". Thread safe; its connections may outlive it.
class LoopbackNet {
 public:
  LoopbackNet();
  // For connections dialled from now on.
  void set_faults(const LoopbackFaults& faults);
  // Throws RunError when the name is taken.
  Listener listen(const Address& address);
  // Throws RunError (ExitCode::unreachable) when nobody listens.
  std::unique_ptr<Channel> dial(const Address& address);
  // Closes all connections, as a cable pulled out.
  void cut();
  std::int64_t dialled() const;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace cleave
