// Pairs of connected channels, of every kind.
#pragma once

#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "engine/net/channel.h"
#include "engine/net/keys.h"
#include "engine/net/loopback_channel.h"
#include "tests/support/files.h"

namespace cleave {

struct Ends {
  std::unique_ptr<Channel> near, far;  // near dialled
};

enum class ChannelKind { tcp, ipc, loopback, tls };

inline std::string name_of(ChannelKind kind) {
  switch (kind) {
    case ChannelKind::tcp: return "tcp";
    case ChannelKind::ipc: return "ipc";
    case ChannelKind::loopback: return "loopback";
    case ChannelKind::tls: return "tls";
  }
  return "";
}
inline void PrintTo(ChannelKind kind, std::ostream* out) { *out << name_of(kind); }

// Listens, and connects to itself.
class Meeting {
 public:
  explicit Meeting(ChannelKind kind) : kind_(kind) {
    if (kind == ChannelKind::tls) {
      make_authority(folder_.path("keys"));
      for (const char* name : {"near", "far"}) add_device(folder_.path("keys"), name);
      near_keys_ = tls_files(folder_.path("keys"), "near");
      far_keys_ = tls_files(folder_.path("keys"), "far");
    }
    const bool is_socket = kind == ChannelKind::ipc;
    if (kind == ChannelKind::loopback) listener_ = net_.listen(parse_address("loopback://here"));
    else listener_ = listen_on(parse_address(is_socket ? "ipc://" + folder_.path("s") : "127.0.0.1:0"), far_keys_);
  }
  ~Meeting() { listener_.close(); }

  std::unique_ptr<Channel> dialled() {
    if (kind_ == ChannelKind::loopback) return net_.dial(listener_.address);
    return dial(listener_.address, near_keys_, near_keys_.used() ? "far" : "", 10);
  }

  // Connected, with the handshake done.
  Ends connect() {
    Ends ends{dialled(), listener_.accept(10)};
    if (kind_ != ChannelKind::tls) return ends;
    std::byte token{};
    const std::span<const std::byte> part(&token, 1);
    std::thread other([&] { static_cast<void>(ends.near->write(std::span(&part, 1), 10)); });
    ends.far->read(std::span(&token, 1), 10);
    other.join();
    return ends;
  }

  Listener& listener() { return listener_; }
  LoopbackNet& net() { return net_; }

 private:
  TestFolder folder_;
  const ChannelKind kind_;
  TlsFiles near_keys_, far_keys_;
  LoopbackNet net_;
  Listener listener_;
};

inline std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 2654435761U) >> 13);
  return bytes;
}

inline IoResult write_bytes(Channel& channel, std::span<const std::byte> bytes, double timeout_s = 10) {
  return channel.write(std::span(&bytes, 1), timeout_s);
}

inline std::vector<std::byte> read_bytes(Channel& channel, std::size_t size, double timeout_s = 10) {
  std::vector<std::byte> bytes(size);
  return read_all(channel, bytes, timeout_s).ok() ? bytes : std::vector<std::byte>();
}

}  // namespace cleave
