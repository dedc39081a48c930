// Probe: the question "are you there, and how are you?" that anybody with keys may ask a worker at any time. The asker
// dials, sends a HELLO on an edge of its own, and gets a WELCOME and one DATA message that holds JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/net/channel.h"
#include "engine/net/exchange.h"

namespace cleave {

inline constexpr std::uint64_t kProbeEdge = edge_of_question("cleave probe");

// How a worker is. JSON has the same names.
struct ProbeAnswer {
  std::string version;  // of the program
  std::uint64_t boot_id = 0;
  std::string name;      // of the device
  double now_utc_s = 0;  // its clock, since 1970
  std::int64_t memory_bytes = 0, memory_free_bytes = 0;
  int cores = 0;
  std::string arch;   // as `uname -m` says
  std::string state;  // idle, running …
  std::string plan;   // what it runs: the plan's hash in hex; "" = nothing

  bool operator==(const ProbeAnswer&) const = default;
};
std::string to_json(const ProbeAnswer& answer);
// Nothing for text that is no such answer. Texts in it may hold any character.
std::optional<ProbeAnswer> read_probe_answer(const std::string& json);

// The answer of this process: machine and clock as they are now. Memory is the least of the machine's and the limit the
// process runs under.
ProbeAnswer own_probe_answer(const std::string& name, std::uint64_t boot_id, const std::string& state,
                             const std::string& plan);

// What is done one after the other to ask; where it fails the rest is not tried.
enum class ProbeStep : std::uint8_t { name, port, handshake, done };
const char* to_text(ProbeStep step);

struct ProbeResult {
  ProbeStep failed = ProbeStep::done;
  std::string why, advice;  // for people: what failed, what to do about it
  std::string address;      // the address of the name, once it is known
  ProbeAnswer answer;       // when done
  double round_trip_s = 0;  // from the question to the whole answer, connection and handshake not counted
  double clock_s = 0;       // its clock less ours, within round_trip_s / 2

  bool done() const { return failed == ProbeStep::done; }
};

// Asks the worker `device` at `address`; `own_name` is the name in our certificate, or what to call us without TLS.
// Never throws for what the other end does.
ProbeResult probe(const Address& address, const TlsFiles& tls, const std::string& own_name, const std::string& device,
                  double timeout_s);

// The worker's side, on a connection on which this HELLO has come: answers, or refuses one that is for another device.
// Returns whether the answer left.
bool answer_probe(Channel& channel, const Greeting& hello, const ProbeAnswer& answer, double timeout_s);

}  // namespace cleave
