#include "engine/runtime/probe.h"

#include <netdb.h>

#include <chrono>
#include <memory>

#include <fmt/format.h>

#include "ops/core/file.h"

namespace cleave {

namespace {

constexpr std::int64_t kMostAnswerBytes = 16 * 1024;

double utc_s() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

struct AddressListFree {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

// The first address of a name, as text. `error` says why there is none.
std::string look_up(const std::string& host, std::string& error) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  const std::unique_ptr<addrinfo, AddressListFree> held(list);
  char text[NI_MAXHOST] = {};
  if (code == 0) ::getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  else error = ::gai_strerror(code);
  return text;
}

ProbeResult failed_at(ProbeStep step, std::string why, std::string advice, std::string address) {
  ProbeResult result;
  result.failed = step;
  result.why = std::move(why);
  result.advice = std::move(advice);
  result.address = std::move(address);
  return result;
}

// Over a connection that stands.
ProbeResult ask(Channel& channel, bool with_keys, const std::string& own_name, const std::string& device,
                const Until& until) {
  const auto fail = [](const std::string& why, const char* advice) {
    return failed_at(ProbeStep::handshake, why, advice, "");
  };
  Greeting hello;
  hello.device = own_name;
  hello.peer = device;
  hello.boot_id = 1;  // a probe has no session that could take it for somebody else
  const Greeted greeted = greet(channel, kProbeEdge, hello, until);
  if (greeted.refusal) return fail(greeted.fault, "do as it says");
  if (!greeted.fault.empty() && with_keys && !greeted.is_sent)
    return fail(greeted.fault, "check the keys and the clocks of both ends");
  if (!greeted.fault.empty())
    return fail(greeted.fault, with_keys ? "is it a worker of cleave that listens there?"
                                         : "if it was started with --keys, give --keys here, too");
  Message message;
  const IoResult read = read_message(channel, kProbeEdge, kMostAnswerBytes, message, until);
  if (!read.ok()) return fail(what_happened(read), "try again");
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - greeted.sent;
  const double now = utc_s();
  const std::optional<ProbeAnswer> answer =
      read_probe_answer({reinterpret_cast<const char*>(message.payload.data()), message.payload.size()});
  if (!answer) return fail("its answer cannot be read", "install the same version of cleave on both ends");
  ProbeResult result;
  result.answer = *answer;
  result.round_trip_s = spent.count();
  result.clock_s = answer->now_utc_s - (now - spent.count() / 2);
  return result;
}

}  // namespace

const char* to_text(ProbeStep step) {
  switch (step) {
    case ProbeStep::name: return "name";
    case ProbeStep::port: return "port";
    case ProbeStep::handshake: return "handshake";
    case ProbeStep::done: break;
  }
  return "done";
}

ProbeResult probe(const Address& address, const TlsFiles& tls, const std::string& own_name, const std::string& device,
                  double timeout_s) {
  const Until until(timeout_s);
  std::string found = address.host, error;
  if (address.transport == "tcp") found = look_up(address.host, error);
  if (!error.empty())
    return failed_at(ProbeStep::name, fmt::format("no address for '{}': {}", printable(address.host), error),
                     fmt::format("give devices.{}.host an address, or switch the device on", device), "");
  std::unique_ptr<Channel> channel;
  try {
    channel = dial(address, tls, device, until.left_s());
  } catch (const RunError& refused) {
    return failed_at(ProbeStep::port, refused.what(), "start its worker, or open the port in its firewall", found);
  }
  ProbeResult result = ask(*channel, tls.used(), own_name, device, until);
  result.address = found;
  return result;
}

bool answer_probe(Channel& channel, const Greeting& hello, const ProbeAnswer& answer, double timeout_s) {
  const Until until(timeout_s);
  if (!hello.peer.empty() && hello.peer != answer.name) {
    const std::string text = fmt::format("this is the worker of '{}', not of '{}'; check the hosts and ports of both",
                                         answer.name, printable(hello.peer));
    write_refusal(channel, kProbeEdge, {RefuseCode::device, text}, until);
    return false;
  }
  Greeting welcome;
  welcome.device = answer.name;
  welcome.peer = hello.device;
  welcome.boot_id = answer.boot_id;
  if (!write_welcome(channel, kProbeEdge, welcome, until).ok()) return false;
  const std::string json = to_json(answer);
  return write_message(channel, {.type = MessageType::data, .edge = kProbeEdge},
                       std::as_bytes(std::span(json.data(), json.size())), until)
      .ok();
}

}  // namespace cleave
