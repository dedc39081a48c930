// Connections of the simulated world: two pipes of bytes each, which come in pieces, late, or not at all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/net/session.h"

namespace cleave {

// SplitMix64 (Steele, Lea and Flood 2014): a few operations a number; the worlds need many.
struct SimRandom {
  std::uint64_t state = 0;

  std::uint64_t bits() {
    std::uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  }
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(n)); }
  std::size_t index(std::size_t n) { return static_cast<std::size_t>(bits() % n); }
  bool chance(double share) { return static_cast<double>(bits() >> 11) * 0x1p-53 < share; }
  double between(double least, double most) {
    return least + (most - least) * static_cast<double>(bits() >> 11) * 0x1p-53;
  }
};

// Bytes on their way from one end to the other.
struct SimPipe {
  std::vector<std::byte> bytes;
  std::size_t head = 0;               // those before it have arrived
  std::optional<std::size_t> passes;  // so many more can be written before it breaks
  std::optional<std::size_t> flips;   // so many more can be written before one is damaged
  bool ends = false;                  // behind the bytes the reader sees the end
  bool is_silent = false;             // … or nothing at all, for ever
  bool is_scheduled = false;          // an arrival is among the events
  double latency_s = 0, stalled_until_s = 0;

  std::size_t pending() const { return bytes.size() - head; }
  bool is_broken() const { return ends || passes == 0; }
  void put(std::span<const std::byte> more);
  // Of the pending bytes and those still to be written, only so many pass.
  void break_after(std::size_t count, bool silently);
};

// End 0 has dialled end 1.
struct SimConnection {
  std::array<std::size_t, 2> side{};
  std::array<bool, 2> is_open{true, true};      // as each end sees it
  std::array<SimPipe, 2> pipe;                  // [end that writes]
  std::array<std::vector<std::byte>, 2> inbox;  // [end that reads]: arrived, not yet a whole message
};

// Writes a message as it stands on the wire.
void write_message(SimPipe& pipe, const Outgoing& message);

enum class SimRead : std::uint8_t { message, incomplete, damaged };
// Takes the first message out of an inbox.
SimRead read_message(std::vector<std::byte>& inbox, std::uint64_t edge, std::int64_t most, MessageHeader& header,
                     std::shared_ptr<Buffer>& payload, std::string& fault);

}  // namespace cleave
