// Channel: one connection between two processes, a stream of bytes. The one virtual class of cleave: real connections
// are of several kinds, and tests need a false one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "ops/core/error.h"

namespace cleave {

enum class IoStatus : std::uint8_t { ok, timeout, closed, failed };

struct IoResult {
  IoStatus status = IoStatus::ok;
  std::int64_t bytes = 0;  // read or written before it ended; 0 unless ok or timeout
  std::string error;       // failed: why

  bool ok() const { return status == IoStatus::ok; }
};

// One thread may read while another writes; close may be called by any, ends both and may be called twice. The
// destructor closes.
class Channel {
 public:
  virtual ~Channel() = default;
  // Reads at least one byte and at most into.size(). `timeout_s` < 0 = for ever. Closed by the peer: closed.
  virtual IoResult read(std::span<std::byte> into, double timeout_s) = 0;
  // Writes all bytes of all parts (at most 4), one after the other; `timeout_s` for all of them together.
  virtual IoResult write(std::span<const std::span<const std::byte>> parts, double timeout_s) = 0;
  virtual void close() = 0;
  // For people: "tcp://192.168.1.7:41234".
  virtual std::string peer_address() const = 0;
  // The name in the peer's certificate; "" without TLS.
  virtual std::string peer_name() const { return ""; }
  // Whether the transport itself protects the payload from corruption (TLS, ipc).
  virtual bool is_checked() const { return false; }
};

// Reads exactly into.size() bytes.
IoResult read_all(Channel& channel, std::span<std::byte> into, double timeout_s);

// Who may talk to whom, for TLS. Paths of PEM files; empty = no TLS.
struct TlsFiles {
  std::string authority, certificate, key, revoked;  // revoked may be "" or name a file that does not exist

  bool used() const { return !authority.empty(); }
};

// Where to connect to or listen on: "tcp://HOST:PORT", "ipc://PATH", "loopback://NAME" (tests).
struct Address {
  std::string transport, host;  // host: or path, or name
  int port = 0;                 // 0 = any free one, to listen on

  std::string text() const;
  bool operator==(const Address&) const = default;
};
inline constexpr int kDefaultPort = 7300;
// Reads "tcp://host:port", "host:port", "host", "ipc:///path". Throws UserError with what would be right.
Address parse_address(const std::string& text, int default_port = kDefaultPort);
// 127.0.0.0/8, ::1, localhost and everything that is no network.
bool is_loopback(const Address& address);

// Where connections come in. With TLS the handshake is done not by `accept` but by the channel's first read or write,
// so that a slow stranger holds up nobody.
struct Listener {
  Address address;  // with the port in use
  // Waits for a connection; null after `close` or at the timeout. By one thread at a time.
  std::function<std::unique_ptr<Channel>(double timeout_s)> accept;
  std::function<void()> close;  // by any thread, also twice
};

// A kind of connection.
struct TransportDef {
  const char* name;  // "tcp"
  const char* doc;   // one line
  // Throws RunError (ExitCode::unreachable) with the address and what the system says; a timeout is one.
  std::unique_ptr<Channel> (*dial)(const Address& address, double timeout_s);
  // Throws RunError with the address and what to do: the port is in use, no such address …
  Listener (*listen)(const Address& address);
};
std::span<const TransportDef> transport_catalog();

// Dials or listens by the address's transport, with TLS where `tls` is used. `expected_name` is the name that the
// peer's certificate must bear ("" = any that the authority signed; a listener checks names later, by peer_name).
std::unique_ptr<Channel> dial(const Address& address, const TlsFiles& tls, const std::string& expected_name,
                              double timeout_s);
Listener listen_on(const Address& address, const TlsFiles& tls);

}  // namespace cleave
