// Bridges for tests: two ends, "a" which dials and "b" which listens, and frames whose contents tell what they are.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/runtime/bridge.h"

namespace cleave {

inline constexpr std::uint64_t kTestEdge = 0x5eed;

// Waits until `condition` holds; false after a time that only a hang takes.
bool wait_for(const std::function<bool()>& condition, double timeout_s = 30);

Address any_port();     // on this machine
Address unix_socket();  // a name of its own

// Of an edge from "a" to "b", of samples of one byte. The end named `device`.
SessionOptions test_session(const std::string& device);
BridgeOptions test_bridge(const std::string& device);

// `bytes` bytes that depend on `seq`.
WireFrame numbered_frame(std::uint64_t seq, std::int64_t bytes = 100);
bool is_numbered_frame(const WireFrame& frame, std::uint64_t seq);

// Sends frames begin … end - 1 of 1 … most_bytes bytes each; false when the bridge ended before.
bool send_frames(Bridge& bridge, std::uint64_t begin, std::uint64_t end, std::int64_t most_bytes = 1000);
// Receives frames until one that is not the next, or none comes in time; returns the first not received. Commits each.
std::uint64_t receive_frames(Bridge& bridge, std::uint64_t begin, std::uint64_t end);

// Both ends, an acceptor, and a link that works. The options may be changed before they are used.
struct BridgePair {
  using Change = std::function<void(BridgeOptions& a, BridgeOptions& b)>;
  explicit BridgePair(const Change& change = {}, const Address& address = any_port(), const AcceptLimits& limits = {},
                      const TlsFiles& b_tls = {});
  ~BridgePair();
  // Another process takes the place of b, with a higher incarnation.
  void replace_b(const std::function<void(Bridge& b)>& prepare = {});

  BridgeOptions a_options, b_options;
  Acceptor acceptor;
  std::unique_ptr<Bridge> a, b;
};

}  // namespace cleave
