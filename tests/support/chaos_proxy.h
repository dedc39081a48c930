// A bad network between two addresses: delay, jitter, pieces, flipped bytes, slow lines, cuts. Seeded.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/net/channel.h"

namespace cleave {

struct Chaos {
  std::uint64_t seed = 1;
  double delay_s = 0, jitter_s = 0;  // each way; order is kept
  std::int64_t piece_bytes = 0;      // passes on 1 … so many bytes at a time; 0 = as they come
  double flip_per_byte = 0;          // chance that a bit of a byte that goes forth is flipped
  double rate_bps = 0;               // each way; 0 = as fast as it goes
  std::int64_t cut_after_bytes = 0;  // of one connection, both ways together; 0 = never
};

// Threads of its own; thread safe. Connections in being keep the chaos that they were made with.
class ChaosProxy {
 public:
  // Listens on `front` and passes everything on to `back`.
  ChaosProxy(const Address& front, const Address& back, const Chaos& chaos);
  ~ChaosProxy();
  ChaosProxy(const ChaosProxy&) = delete;
  ChaosProxy& operator=(const ChaosProxy&) = delete;
  Address address() const;
  void set(const Chaos& chaos);         // for connections to come
  void set_back(const Address& back);   // likewise
  void cut();                           // closes all connections at once
  void pause(bool paused);              // lets nothing through, and loses nothing
  void swallow(bool forth, bool back);  // loses all that goes forth (to `back`), or comes back
  std::int64_t connections() const;     // made so far
  std::int64_t bytes() const;           // passed on so far, both ways

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cleave
