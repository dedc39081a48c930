// Link probe: how fast a connection is. The end that dialled measures, the other one answers; both are bounded in bytes
// and time, whatever the other does.
//
// Latency: half the median of the round trips of small messages; the median, for a busy machine delays some of them.
// Bandwidth: bytes over the time from the first one sent to the word that the last one came, less a round trip. The
// amount doubles until it takes long enough to tell, or is all that may be sent: a slow link is not held up for long.
#pragma once

#include <cstdint>
#include <string>

#include "engine/net/channel.h"
#include "engine/net/exchange.h"

namespace cleave {

inline constexpr std::uint64_t kLinkProbeEdge = edge_of_question("cleave link probe");
inline constexpr std::int64_t kLinkProbeChunkBytes = 64 * 1024;  // of a message of the bulk
// The other end closes when more is asked of it.
inline constexpr std::int64_t kMostLinkProbeBytes = std::int64_t{64} << 20;  // both ways together
inline constexpr std::int64_t kMostLinkProbePings = 10'000;

struct LinkProbeOptions {
  int pings = 51;
  std::int64_t most_bytes = std::int64_t{8} << 20;  // of one bulk, one way
  double long_enough_s = 0.5;                       // a bulk that took so long tells enough
  double deadline_s = 60;                           // for all of it
};

struct LinkMeasure {
  double latency_s = 0;    // one way
  double spread_s = 0;     // half the distance between the quartiles of the latency
  double up_bps = 0;       // from the end that measures
  double down_bps = 0;     // to it
  std::int64_t bytes = 0;  // that travelled for it
};

// Measures the connection to the worker `device`. Throws RunError with what went wrong, in one line.
LinkMeasure measure_link(Channel& channel, const std::string& own_name, const std::string& device,
                         const LinkProbeOptions& options = {});

// The other side, on a connection on which this HELLO has come. Returns when the other end has done, hung up, asked for
// too much, or the deadline passed; "" when it had done, else why it ended.
std::string answer_link_probe(Channel& channel, const Greeting& hello, const std::string& own_name,
                              double deadline_s = 60);

}  // namespace cleave
