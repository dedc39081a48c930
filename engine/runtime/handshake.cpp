#include "engine/runtime/handshake.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "engine/net/tls.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSlice_s = 0.05;   // how often it is asked whether others wait
constexpr double kHurry_s = 0.25;   // what a silent stranger is given at least
constexpr double kRefuse_s = 0.25;  // to write a refusal

struct Wait {
  const std::function<bool()>& hurry;
  Clock::time_point begin = Clock::now();
  double timeout_s = 0;
  bool heard = false;

  double gone_s() const { return std::chrono::duration<double>(Clock::now() - begin).count(); }
  bool is_over() const { return gone_s() >= timeout_s || (!heard && gone_s() >= kHurry_s && hurry()); }
};

// Returns what went wrong, "" = nothing.
std::string read_by(Channel& channel, std::span<std::byte> into, Wait& wait) {
  while (!into.empty()) {
    if (wait.is_over()) return wait.heard ? "it did not finish its greeting" : "it said nothing";
    const IoResult result = channel.read(into, std::min(kSlice_s, wait.timeout_s));
    if (result.status == IoStatus::timeout) continue;
    if (!result.ok()) return result.error.empty() ? "it hung up" : result.error;
    wait.heard = true;
    into = into.subspan(static_cast<std::size_t>(result.bytes));
  }
  return "";
}

std::string fault_of(const HeaderBytes& bytes, HeaderFault fault) {
  if (looks_like_tls(bytes)) return std::string("it speaks TLS: ") + kTlsOnOneEndOnly;
  return std::string("it does not speak as cleave does: ") + to_text(fault);
}

}  // namespace

std::optional<Hello> read_hello(Channel& channel, double timeout_s, const std::function<bool()>& hurry,
                                std::string& fault) {
  Wait wait{.hurry = hurry, .timeout_s = timeout_s};
  HeaderBytes bytes;
  MessageHeader header;
  fault = read_by(channel, bytes, wait);
  if (!fault.empty()) return std::nullopt;
  const HeaderFault header_fault = decode_header(bytes, 0, kMaxControlBytes, header);
  if (header_fault != HeaderFault::none) {
    fault = fault_of(bytes, header_fault);
    return std::nullopt;
  }
  fault = "its first message is no greeting";
  if (header.type != MessageType::hello || header.length > kMaxControlBytes) return std::nullopt;
  std::vector<std::byte> body(header.length);
  fault = read_by(channel, body, wait);
  if (!fault.empty()) return std::nullopt;
  std::optional<Greeting> greeting;
  if (crc32c(body) == header.body_crc) greeting = decode_greeting(body);
  if (greeting) return Hello{header.edge, *greeting};
  fault = "its greeting is damaged";
  return std::nullopt;
}

void write_refusal(Channel& channel, std::uint64_t edge, const Refusal& refusal) {
  const std::vector<std::byte> body = encode_refusal(refusal);
  MessageHeader header;
  header.type = MessageType::refuse;
  header.edge = edge;
  header.length = static_cast<std::uint32_t>(body.size());
  header.body_crc = crc32c(body);
  const HeaderBytes bytes = encode_header(header);
  const std::array<std::span<const std::byte>, 2> parts{bytes, body};
  (void)channel.write(parts, kRefuse_s);  // who does not listen is not told
}

}  // namespace cleave
