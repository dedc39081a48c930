// The first message on a connection that came in, and the answer to those who are not wanted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "engine/net/channel.h"
#include "engine/net/message.h"

namespace cleave {

struct Hello {
  std::uint64_t edge = 0;
  Greeting greeting;
};

// Reads a HELLO. Nothing when anything else comes, or none before the deadline; `fault` says what it was. Waits in
// slices, and gives up early when nothing at all has come and `hurry` says that others are waiting.
std::optional<Hello> read_hello(Channel& channel, double timeout_s, const std::function<bool()>& hurry,
                                std::string& fault);

void write_refusal(Channel& channel, std::uint64_t edge, const Refusal& refusal);

}  // namespace cleave
