// What a bridge's threads hand each other. Private to bridge*.cpp.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "engine/net/channel.h"
#include "engine/net/session.h"

namespace cleave {

inline constexpr double kNever = std::numeric_limits<double>::infinity();

// Seconds on the steady clock.
double now_s();

// What is written at one go: messages one behind the other, of which the last one's payload, if large, stays where it
// is.
struct Writing {
  std::vector<std::byte> bytes;
  Payload payload;              // behind `bytes`; may be null
  bool is_data = false;         // some of it
  std::int64_t done_bytes = 0;  // written so far
  double progress_s = 0;        // when a byte of it was written last

  std::int64_t size_bytes() const;
};

// A connection that is to be closed without the lock, and what is to be said before.
struct Doomed {
  std::shared_ptr<Channel> channel;
  std::optional<Writing> last_words;
};

// A data message on an emulated link: it leaves when it would have arrived.
struct Delayed {
  Outgoing message;
  double due_s = 0;
};

// The time that all callers together have waited.
struct WaitClock {
  double sum_s = 0;
  int waiting = 0;

  void begin(double now) { sum_s -= now, ++waiting; }
  void end(double now) { sum_s += now, --waiting; }
  double total_s(double now) const { return sum_s + waiting * now; }
};

// What the user of a bridge may want to know of; a difference is a reason to call `on_change`.
struct Outlook {
  std::uint64_t next = 0, sent_committed = 0;
  std::optional<std::uint64_t> end;
  LinkState state = LinkState::down;
  std::int64_t peer_changes = 0;
  bool drained = false, failed = false, room = true;

  bool operator==(const Outlook&) const = default;
};

}  // namespace cleave
