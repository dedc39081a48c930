// A world for sessions, in simulated time: a source, two to four stages and a sink, each hop a pair of real sessions
// over connections that carry bytes, and everything that may happen to them. The same seed gives the same world. In one
// of five a full window drops its oldest frame: then frames may be missing, all else holds.
#pragma once

#include <cstdint>
#include <string>

namespace cleave {

// Mistakes that can be planted around the sessions, to see that the world notices.
enum class SimPlant : std::uint8_t {
  none,
  redeliver,          // the sink takes its last frame once more after a reconnect
  skip_replay,        // a receiver says that it has one frame more than it has
  commit_early,       // a stage commits what it took, not what the sink has
  equal_incarnation,  // a successor has the incarnation of its zombie
  lower_incarnation,  // a successor has a lower one
  short_log,          // a restarted sink believes its log one shorter than it is
  unsummed,           // no checksums of payloads
  late_end,           // a stage tells its end one too late
};
const char* to_text(SimPlant plant);

struct SimCounts {
  std::int64_t frames = 0, events = 0, connects = 0;
  std::int64_t cuts = 0, redials = 0, stalls = 0, crashes = 0, zombies = 0, jumps = 0, slow = 0, flips = 0;
  // What the sessions made of it.
  std::int64_t dropped = 0, resent = 0, duplicates = 0, corrupt = 0, superseded = 0, zombies_refused = 0;
};

struct SimOutcome {
  std::string fault;   // which promise was broken, when and by whom; "" = none
  double seconds = 0;  // simulated
  SimCounts counts;
};

// Runs one world until its source knows that the sink has everything, or a promise is broken:
//   - the sink gets every frame once, in order, as it was made and passed on by each stage;
//   - unless a process ends, the sink gets each marker, with its frame or with a later one;
//   - no session says that a frame is committed before the sink has it;
//   - no session takes up with an incarnation once it has met the next one;
//   - no session holds more than its options say;
//   - no session gives up, but those of zombies;
//   - half a minute after the last accident at the latest all is done.
// With `trace`, every step goes to stderr.
SimOutcome simulate_sessions(std::uint64_t seed, SimPlant plant = SimPlant::none, bool trace = false);

}  // namespace cleave
