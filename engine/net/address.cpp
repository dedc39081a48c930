#include <arpa/inet.h>

#include <charconv>

#include <fmt/format.h>

#include "engine/net/channel.h"

namespace cleave {

namespace {

constexpr std::size_t kLongestPath = 107;  // of a Unix socket, see unix(7)
constexpr const char* kForms = "tcp://HOST:PORT, HOST:PORT, HOST or ipc://PATH";

bool is_ipv6(const std::string& host) {
  in6_addr ignored;
  return ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

[[noreturn]] void refuse(const std::string& text, const std::string& why) {
  throw UserError(fmt::format("address '{}': {}", text, why));
}

int parse_port(const std::string& text, const std::string& digits) {
  int port = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port < 0 || port > 65535)
    refuse(text, fmt::format("'{}' is no port; a number from 0 to 65535 is", digits));
  return port;
}

// Letters of host names, of IPv4 and of IPv6 addresses with a zone.
bool is_host(const std::string& host) {
  if (host.empty() || host.size() > 255) return false;
  for (const char c : host) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!plain && std::string("-._:%").find(c) == std::string::npos) return false;
  }
  return true;
}

Address parse_tcp(const std::string& text, const std::string& rest, int default_port) {
  Address address{"tcp", rest, default_port};
  const std::size_t bracket = rest.find(']');
  if (rest.starts_with("[")) {
    if (bracket == std::string::npos) refuse(text, "the ']' is missing");
    address.host = rest.substr(1, bracket - 1);
    const std::string tail = rest.substr(bracket + 1);
    if (!tail.empty() && tail.front() != ':') refuse(text, "behind ']' there may only be :PORT");
    if (!tail.empty()) address.port = parse_port(text, tail.substr(1));
    if (!is_ipv6(address.host.substr(0, address.host.find('%')))) refuse(text, "only IPv6 addresses stand in brackets");
  } else if (is_ipv6(rest)) {
    refuse(text, fmt::format("IPv6 addresses stand in brackets: [{}]:{}", rest, default_port));
  } else if (const std::size_t colon = rest.rfind(':'); colon != std::string::npos) {
    address.host = rest.substr(0, colon);
    address.port = parse_port(text, rest.substr(colon + 1));
    if (address.host.find(':') != std::string::npos) refuse(text, fmt::format("it must be {}", kForms));
  }
  if (!is_host(address.host)) refuse(text, fmt::format("'{}' is no host name or IP address", address.host));
  return address;
}

}  // namespace

std::string Address::text() const {
  if (transport != "tcp") return fmt::format("{}://{}", transport, host);
  return host.find(':') == std::string::npos ? fmt::format("tcp://{}:{}", host, port)
                                             : fmt::format("tcp://[{}]:{}", host, port);
}

Address parse_address(const std::string& text, int default_port) {
  const std::size_t mark = text.find("://");
  const std::string transport = mark == std::string::npos ? "tcp" : text.substr(0, mark);
  const std::string rest = mark == std::string::npos ? text : text.substr(mark + 3);
  if (rest.empty()) refuse(text, fmt::format("it must be {}", kForms));
  if (transport == "tcp") return parse_tcp(text, rest, default_port);
  if (transport != "ipc" && transport != "loopback")
    refuse(text, fmt::format("there is no transport '{}'; it must be {}", transport, kForms));
  if (rest.find('\0') != std::string::npos) refuse(text, "a path holds no zero byte");
  if (transport == "ipc" && rest.size() > kLongestPath)
    refuse(text, fmt::format("the path has {} bytes, a socket's may have {}", rest.size(), kLongestPath));
  return {transport, rest, 0};
}

bool is_loopback(const Address& address) {
  if (address.transport != "tcp" || address.host == "localhost") return true;
  in_addr four;
  if (::inet_pton(AF_INET, address.host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  in6_addr six;
  return ::inet_pton(AF_INET6, address.host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

}  // namespace cleave
