// What does a hop between two processes cost? One-way latency (ping-pong / 2) and throughput of a bridge over tcp, ipc
// and TLS, of a channel alone (to see what the reliability above it costs), and of raw blocking sockets as the measure
// of what the machine can do. Goals: 1 MiB over tcp at most 1.25 x the latency and at least 0.85 x the throughput of
// raw TCP; up to 16 KiB at most 20 us above it; reliability at most 5 % at 1 MiB; TLS at least 0.4 x raw TCP at 1 MiB.
//
// The other end is a process of its own, forked before anything else begins. It answers each message as its tag says.
// An argument gives the number of rounds.
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "engine/net/channel.h"
#include "engine/net/keys.h"
#include "engine/runtime/bridge.h"

namespace cleave {
namespace {

constexpr std::array<std::int64_t, 4> kSizes = {1 << 10, 16 << 10, 1 << 20, 4 << 20};
constexpr std::int64_t kMost = kSizes.back();
constexpr double kSlice_s = 0.02;
constexpr std::int64_t kBurstBytes = std::int64_t{8} << 20;

// What the tag of a message asks the other end for.
enum Answer : std::uint64_t { nothing = 0, the_same = 1, one_byte = 2 };

// One end of a connection that carries messages.
struct End {
  std::function<void(const Payload& payload, std::uint64_t tag)> send;
  std::function<std::pair<Payload, std::uint64_t>()> receive;  // throws when the connection has ended
};

void serve(const End& end) {
  const std::shared_ptr<Buffer> small = std::make_shared<Buffer>(1);
  small->bytes()[0] = std::byte{1};
  while (true) {
    const auto [payload, tag] = end.receive();
    if (tag == the_same) end.send(payload, nothing);
    if (tag == one_byte) end.send(small, nothing);
  }
}

// ---- raw sockets

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

void write_fully(int socket, std::array<iovec, 2> parts) {
  std::size_t left = parts[0].iov_len + parts[1].iov_len;
  while (true) {
    const ssize_t count = ::writev(socket, parts.data(), 2);
    check(count > 0, "writev");
    left -= static_cast<std::size_t>(count);
    if (left == 0) return;
    std::size_t done = static_cast<std::size_t>(count);
    for (iovec& part : parts) {
      const std::size_t of_part = std::min(done, part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + of_part;
      part.iov_len -= of_part;
      done -= of_part;
    }
  }
}

void read_fully(int socket, std::span<std::byte> into) {
  while (!into.empty()) {
    const ssize_t count = ::recv(socket, into.data(), into.size(), MSG_WAITALL);
    check(count > 0, "recv");
    into = into.subspan(static_cast<std::size_t>(count));
  }
}

End raw_end(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto pool = std::make_shared<BufferPool>();
  return {[socket](const Payload& payload, std::uint64_t tag) {
            MessageHeader header;
            header.tag = tag;
            header.length = static_cast<std::uint32_t>(payload->size());
            HeaderBytes bytes{};
            std::memcpy(bytes.data(), &header, std::min(sizeof header, bytes.size()));
            write_fully(socket, {iovec{bytes.data(), bytes.size()},
                                 iovec{const_cast<std::byte*>(payload->bytes().data()), payload->bytes().size()}});
          },
          [socket, pool]() -> std::pair<Payload, std::uint64_t> {
            HeaderBytes bytes{};
            read_fully(socket, bytes);
            MessageHeader header;
            std::memcpy(static_cast<void*>(&header), bytes.data(), std::min(sizeof header, bytes.size()));
            const std::shared_ptr<Buffer> buffer = pool->take(header.length);
            read_fully(socket, buffer->bytes());
            return {buffer, header.tag};
          }};
}

// Listens on a free port of this machine.
std::pair<int, int> raw_listen() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind");
  check(::listen(socket, 1) == 0, "listen");
  socklen_t size = sizeof address;
  check(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
  return {socket, ntohs(address.sin_port)};
}

End raw_dial(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  check(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "connect");
  return raw_end(socket);
}

// ---- a channel alone

End channel_end(std::unique_ptr<Channel> owned) {
  const std::shared_ptr<Channel> channel = std::move(owned);
  const auto pool = std::make_shared<BufferPool>();
  return {[channel](const Payload& payload, std::uint64_t tag) {
            MessageHeader header;
            header.type = MessageType::data;
            header.tag = tag;
            header.length = static_cast<std::uint32_t>(payload->size());
            const HeaderBytes bytes = encode_header(header);
            const std::array<std::span<const std::byte>, 2> parts{bytes, payload->bytes()};
            if (!channel->write(parts, -1).ok()) throw std::runtime_error("write");
          },
          [channel, pool]() -> std::pair<Payload, std::uint64_t> {
            HeaderBytes bytes{};
            if (!read_all(*channel, bytes, -1).ok()) throw std::runtime_error("read");
            MessageHeader header;
            if (decode_header(bytes, 0, kMost, header) != HeaderFault::none) throw std::runtime_error("a bad header");
            const std::shared_ptr<Buffer> buffer = pool->take(header.length);
            if (!read_all(*channel, buffer->bytes(), -1).ok()) throw std::runtime_error("read");
            return {buffer, header.tag};
          }};
}

// ---- a bridge

// An edge from a to b (forth) or back.
BridgeOptions bridge_options(const std::string& device, bool is_forth, bool is_checked) {
  BridgeOptions options;
  SessionOptions& session = options.session;
  session.edge = is_forth ? 1 : 2;
  session.device = device;
  session.peer = device == "a" ? "b" : "a";
  session.boot_id = device == "a" ? 1 : 2;
  session.most_items = kMost;
  session.window_frames = 64;
  session.window_bytes = 4 * kMost;
  session.sum_bodies = !is_checked;
  options.name = device;
  options.is_sender = (device == "a") == is_forth;
  return options;
}

End bridge_end(const std::shared_ptr<Bridge>& out, const std::shared_ptr<Bridge>& in) {
  const auto next = std::make_shared<std::uint64_t>(0);
  return {[out, next](const Payload& payload, std::uint64_t tag) {
            if (!out->send({.seq = (*next)++, .tag = tag, .flags = 0, .payload = payload}))
              throw std::runtime_error("send");
          },
          [in]() -> std::pair<Payload, std::uint64_t> {
            std::optional<WireFrame> frame = in->receive(-1);
            if (!frame) throw std::runtime_error("receive");
            in->commit(frame->seq + 1);
            return {frame->payload, frame->tag};
          }};
}

// ---- the cases

enum class Kind : std::uint8_t { raw, channel, bridge };
struct Way {
  const char* name;
  Kind kind;
  const char* transport;
  bool is_tls = false;

  // Whether the transport itself keeps payloads whole.
  bool is_checked() const { return is_tls || transport != std::string("tcp"); }
};
constexpr std::array<Way, 7> kWays = {
    Way{"raw tcp", Kind::raw, "tcp"},         {"channel tcp", Kind::channel, "tcp"},
    {"bridge tcp", Kind::bridge, "tcp"},      {"channel ipc", Kind::channel, "ipc"},
    {"bridge ipc", Kind::bridge, "ipc"},      {"channel tls", Kind::channel, "tcp", true},
    {"bridge tls", Kind::bridge, "tcp", true}};

struct Setting {
  std::filesystem::path folder;  // keys and sockets

  Address address(std::size_t way) const {
    if (kWays.at(way).transport == std::string("tcp")) return {"tcp", "127.0.0.1", 0};
    return {"ipc", (folder / fmt::format("{}", way)).string(), 0};
  }
  TlsFiles tls(std::size_t way, const char* device) const {
    return kWays.at(way).is_tls ? tls_files(folder / "keys", device) : TlsFiles{};
  }
};

// The other end: listens, tells where, and serves until it is killed.
[[noreturn]] void run_other_end(const Setting& setting, int tell) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<Acceptor>> acceptors;
  for (std::size_t i = 0; i < kWays.size(); ++i) {
    const Way& way = kWays.at(i);
    int port = 0;
    if (way.kind == Kind::raw) {
      const auto [socket, at] = raw_listen();
      port = at;
      threads.emplace_back([socket] { serve(raw_end(::accept(socket, nullptr, nullptr))); });
    } else if (way.kind == Kind::channel) {
      const Listener listener = listen_on(setting.address(i), setting.tls(i, "b"));
      port = listener.address.port;
      threads.emplace_back([listener] { serve(channel_end(listener.accept(-1))); });
    } else {
      acceptors.push_back(std::make_unique<Acceptor>(setting.address(i), setting.tls(i, "b"), AcceptLimits{}, nullptr));
      port = acceptors.back()->address().port;
      const auto in = std::make_shared<Bridge>(bridge_options("b", true, way.is_checked()));
      const auto out = std::make_shared<Bridge>(bridge_options("b", false, way.is_checked()));
      for (const auto& bridge : {in, out}) {
        acceptors.back()->add(*bridge);
        bridge->start();
      }
      threads.emplace_back([in, out] { serve(bridge_end(out, in)); });
    }
    check(::write(tell, &port, sizeof port) == sizeof port, "pipe");
  }
  while (true) ::pause();
}

End dial_other_end(const Setting& setting, std::size_t i, int port) {
  const Way& way = kWays.at(i);
  if (way.kind == Kind::raw) return raw_dial(port);
  Address address = setting.address(i);
  address.port = port;
  if (way.kind == Kind::channel) return channel_end(dial(address, setting.tls(i, "a"), way.is_tls ? "b" : "", 5));
  std::vector<std::shared_ptr<Bridge>> bridges;
  for (const bool is_forth : {true, false}) {
    BridgeOptions options = bridge_options("a", is_forth, way.is_checked());
    options.dial = address;
    options.tls = setting.tls(i, "a");
    bridges.push_back(std::make_shared<Bridge>(options));
    bridges.back()->start();
  }
  return bridge_end(bridges[0], bridges[1]);
}

using Cases = std::vector<BenchCase>;  // by way

// One-way latency: there and back, halved later.
Cases measure_latency(const std::vector<End>& ends, const Payload& payload, int rounds) {
  Cases cases;
  for (std::size_t i = 0; i < ends.size(); ++i)
    cases.push_back({kWays.at(i).name, [&, i] {
                       ends[i].send(payload, the_same);
                       (void)ends[i].receive();
                     }});
  run_interleaved(cases, rounds, kSlice_s);
  for (BenchCase& each : cases)
    for (double& seconds : each.seconds) seconds /= 2;
  return cases;
}

// Seconds for a burst of messages.
Cases measure_throughput(const std::vector<End>& ends, const Payload& payload, int rounds) {
  const std::int64_t count = std::max<std::int64_t>(8, std::min<std::int64_t>(512, kBurstBytes / payload->size()));
  Cases cases;
  for (std::size_t i = 0; i < ends.size(); ++i)
    cases.push_back({kWays.at(i).name, [&, i, count] {
                       for (std::int64_t k = 1; k < count; ++k) ends[i].send(payload, nothing);
                       ends[i].send(payload, one_byte);
                       (void)ends[i].receive();
                     }});
  run_interleaved(cases, rounds, kSlice_s);
  for (BenchCase& each : cases)
    for (double& seconds : each.seconds) seconds /= static_cast<double>(count);
  return cases;
}

// The median, over rounds, of how many times as long `a` took as `b`.
double median_ratio(const BenchCase& a, const BenchCase& b) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < a.seconds.size(); ++i) ratios.push_back(a.seconds[i] / b.seconds[i]);
  return median(std::move(ratios));
}

void print_cases(std::int64_t bytes, const Cases& latency, const Cases& throughput) {
  for (std::size_t i = 0; i < latency.size(); ++i)
    fmt::print("{:8} B  {:12}  latency {:8.1f} us  {:5.2f} x raw   throughput {:7.0f} MiB/s  {:5.2f} x raw\n", bytes,
               latency[i].name, 1e6 * median(latency[i].seconds), median_ratio(latency[i], latency[0]),
               static_cast<double>(bytes) / 1048576 / median(throughput[i].seconds),
               1 / median_ratio(throughput[i], throughput[0]));
}

void print_goals(std::int64_t bytes, const Cases& latency, const Cases& throughput) {
  if (bytes <= 16 << 10)
    print_goal(fmt::format("bridge tcp, {} B, latency above raw", bytes),
               1e6 * median_difference(latency[2], latency[0]), "us", 20);
  if (bytes != 1 << 20) return;
  print_goal("bridge tcp, 1 MiB, latency / raw", median_ratio(latency[2], latency[0]), "x", 1.25);
  print_goal("bridge tcp, 1 MiB, raw / throughput", median_ratio(throughput[2], throughput[0]), "x", 1 / 0.85);
  print_goal("reliability, 1 MiB, bridge / channel, latency", median_ratio(latency[2], latency[1]), "x", 1.05);
  print_goal("reliability, 1 MiB, channel / bridge, throughput", median_ratio(throughput[2], throughput[1]), "x", 1.05);
  print_goal("bridge tls, 1 MiB, raw / throughput", median_ratio(throughput[6], throughput[0]), "x", 1 / 0.4);
}

void run(int rounds) {
  const Setting setting{std::filesystem::temp_directory_path() / fmt::format("cleave-hop-{}", ::getpid())};
  std::filesystem::create_directories(setting.folder);
  make_authority((setting.folder / "keys").string());
  for (const char* device : {"a", "b"}) add_device((setting.folder / "keys").string(), device);
  std::array<int, 2> pipes{};
  check(::pipe(pipes.data()) == 0, "pipe");
  const pid_t child = ::fork();
  check(child >= 0, "fork");
  if (child == 0) run_other_end(setting, pipes[1]);
  std::vector<End> ends;
  for (std::size_t i = 0; i < kWays.size(); ++i) {
    int port = 0;
    check(::read(pipes[0], &port, sizeof port) == sizeof port, "the other end");
    ends.push_back(dial_other_end(setting, i, port));
  }
  for (const std::int64_t bytes : kSizes) {
    const std::shared_ptr<Buffer> payload = std::make_shared<Buffer>(bytes);
    std::minstd_rand random(1);
    for (std::byte& byte : payload->bytes()) byte = static_cast<std::byte>(random());
    const Cases latency = measure_latency(ends, payload, rounds);
    const Cases throughput = measure_throughput(ends, payload, rounds);
    print_cases(bytes, latency, throughput);
    print_goals(bytes, latency, throughput);
  }
  std::filesystem::remove_all(setting.folder);
  ::kill(child, SIGKILL);  // first: it would take the closing of its connections for a fault
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace cleave

int main(int argc, char** argv) {
  try {
    cleave::run(argc > 1 ? std::atoi(argv[1]) : 11);
  } catch (const std::exception& error) {
    fmt::print(stderr, "hop_bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
