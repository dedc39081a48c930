// What do channels cost? The time to carry messages of 1 MiB, and of a round trip of 64 bytes, over each kind of
// channel against plain blocking sockets; all on this machine, each end a thread.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "bench/bench.h"
#include "engine/net/channel.h"
#include "engine/net/keys.h"

namespace cleave {
namespace {

constexpr std::size_t kMessageBytes = std::size_t{1} << 20;
constexpr int kMessages = 16;  // of one run
constexpr int kRounds = 30;
constexpr int kTrips = 100;

// What channels are measured against.
class Socket final : public Channel {
 public:
  explicit Socket(int fd) : fd_(fd) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~Socket() override { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  IoResult read(std::span<std::byte> into, double /*timeout_s*/) override {
    const ssize_t got = ::read(fd_, into.data(), into.size());
    return {got > 0 ? IoStatus::ok : IoStatus::closed, got, ""};
  }
  IoResult write(std::span<const std::span<const std::byte>> parts, double /*timeout_s*/) override {
    for (std::span<const std::byte> part : parts)
      while (!part.empty()) {
        const ssize_t sent = ::send(fd_, part.data(), part.size(), MSG_NOSIGNAL);
        if (sent <= 0) return {IoStatus::closed, 0, ""};
        part = part.subspan(static_cast<std::size_t>(sent));
      }
    return {};
  }
  void close() override { ::shutdown(fd_, SHUT_RDWR); }
  std::string peer_address() const override { return ""; }

 private:
  const int fd_;
};

struct Pair {
  std::unique_ptr<Channel> near, far;
};

Pair plain_sockets() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int door = ::socket(AF_INET, SOCK_STREAM, 0), near = ::socket(AF_INET, SOCK_STREAM, 0);
  socklen_t size = sizeof address;
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(door, raw, size) != 0 || ::listen(door, 1) != 0 || ::getsockname(door, raw, &size) != 0 ||
      ::connect(near, raw, size) != 0)
    throw RunError("no sockets to be had");
  const int far = ::accept(door, nullptr, nullptr);
  ::close(door);
  return {std::make_unique<Socket>(near), std::make_unique<Socket>(far)};
}

Pair channels(const std::string& address, const TlsFiles& near_keys, const TlsFiles& far_keys) {
  Listener listener = listen_on(parse_address(address), far_keys);
  Pair pair{dial(listener.address, near_keys, "", 5), listener.accept(5)};
  listener.close();
  return pair;
}

void write_all(Channel& channel, std::span<const std::byte> bytes) {
  if (!channel.write(std::span(&bytes, 1), 60).ok()) throw RunError("the channel broke");
}

// Sends back what it gets: 64 bytes, behind which kMessages long ones may follow.
void answer(Channel& channel) {
  std::vector<std::byte> message(kMessageBytes);
  std::byte kind[64];
  while (read_all(channel, kind, -1).ok()) {
    for (int i = 0; kind[0] == std::byte{1} && i < kMessages; ++i) read_all(channel, message, -1);
    write_all(channel, kind);
  }
}

void carry(Channel& channel, const std::vector<std::byte>& message) {
  std::byte kind[64] = {std::byte{1}};
  write_all(channel, kind);
  for (int i = 0; i < kMessages; ++i) write_all(channel, message);
  read_all(channel, kind, -1);
}

void round_trips(Channel& channel) {
  std::byte kind[64] = {};
  for (int i = 0; i < kTrips; ++i) {
    write_all(channel, kind);
    read_all(channel, kind, -1);
  }
}

int run() {
  const std::string keys =
      fmt::format("{}/cleave-channel-bench-{}", std::filesystem::temp_directory_path().string(), ::getpid());
  make_authority(keys);
  for (const char* name : {"a", "b"}) add_device(keys, name);
  const char* const names[] = {"plain sockets", "tcp", "ipc", "tls"};
  Pair pairs[4] = {plain_sockets(), channels("127.0.0.1:0", {}, {}), channels("ipc://" + keys + "/socket", {}, {}),
                   channels("127.0.0.1:0", tls_files(keys, "a"), tls_files(keys, "b"))};
  const std::vector<std::byte> message(kMessageBytes);
  std::vector<std::thread> answering;
  std::vector<BenchCase> large, small;
  for (int i = 0; i < 4; ++i) {
    answering.emplace_back([&pairs, i] { answer(*pairs[i].far); });
    large.push_back({names[i], [&, i] { carry(*pairs[i].near, message); }});
    small.push_back({names[i], [&, i] { round_trips(*pairs[i].near); }});
  }
  run_interleaved(large, kRounds);
  run_interleaved(small, kRounds);
  for (std::size_t i = 0; i < 4; ++i)
    fmt::print("{:14} {:6.0f} MB/s (median {:.2f} of plain sockets)   round trip {:5.1f} us ({:.2f}x)\n", names[i],
               kMessages * kMessageBytes / fastest(large[i].seconds) / 1e6,
               median(large[0].seconds) / median(large[i].seconds), fastest(small[i].seconds) / kTrips * 1e6,
               median(small[i].seconds) / median(small[0].seconds));
  print_goal("tcp, time of 1 MiB against plain sockets:", median(large[1].seconds) / median(large[0].seconds), "x",
             1.25);
  print_goal("tls, time of 1 MiB against plain sockets:", median(large[3].seconds) / median(large[0].seconds), "x",
             2.5);
  for (Pair& pair : pairs) pair.near->close();
  for (std::thread& thread : answering) thread.join();
  std::filesystem::remove_all(keys);
  return 0;
}

}  // namespace
}  // namespace cleave

int main() { return cleave::run(); }
