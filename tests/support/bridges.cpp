#include "tests/support/bridges.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include "engine/net/buffer.h"

namespace cleave {
namespace {

std::int64_t size_of(std::uint64_t seq, std::int64_t most_bytes) {
  return 1 + static_cast<std::int64_t>(seq * 7919 % static_cast<std::uint64_t>(most_bytes));
}

std::byte byte_of(std::uint64_t seq, std::size_t i) { return static_cast<std::byte>((seq * 131 + i * 7) & 255); }

}  // namespace

bool wait_for(const std::function<bool()>& condition, double timeout_s) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(timeout_s);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

Address any_port() { return {"tcp", "127.0.0.1", 0}; }

Address unix_socket() {
  static std::atomic<int> count = 0;
  return {"ipc", (std::filesystem::temp_directory_path() / fmt::format("cleave-{}-{}", ::getpid(), ++count)).string(),
          0};
}

SessionOptions test_session(const std::string& device) {
  SessionOptions options;
  options.edge = kTestEdge;
  options.device = device;
  options.peer = device == "a" ? "b" : "a";
  options.boot_id = device == "a" ? 1 : 2;
  options.item_bytes = 1;
  options.most_items = std::int64_t{4} << 20;
  options.window_frames = 8;
  options.ping_s = 0.1;
  options.dead_s = 5;  // these tests may run on a machine that is busy
  return options;
}

BridgeOptions test_bridge(const std::string& device) {
  BridgeOptions options;
  options.session = test_session(device);
  options.name = device == "a" ? "a -> b" : "b <- a";
  options.is_sender = device == "a";
  return options;
}

WireFrame numbered_frame(std::uint64_t seq, std::int64_t bytes) {
  const auto buffer = std::make_shared<Buffer>(bytes);
  const std::span<std::byte> to = buffer->bytes();
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = byte_of(seq, i);
  return {.seq = seq, .tag = seq * 3, .flags = 0, .payload = buffer};
}

bool is_numbered_frame(const WireFrame& frame, std::uint64_t seq) {
  if (frame.seq != seq || frame.tag != seq * 3 || !frame.payload) return false;
  const std::span<const std::byte> bytes = frame.payload->bytes();
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % 64 != 0) return false;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] != byte_of(seq, i)) return false;
  return true;
}

bool send_frames(Bridge& bridge, std::uint64_t begin, std::uint64_t end, std::int64_t most_bytes) {
  for (std::uint64_t seq = begin; seq < end; ++seq)
    if (!bridge.send(numbered_frame(seq, size_of(seq, most_bytes)))) return false;
  return true;
}

std::uint64_t receive_frames(Bridge& bridge, std::uint64_t begin, std::uint64_t end) {
  for (std::uint64_t seq = begin; seq < end; ++seq) {
    const std::optional<WireFrame> frame = bridge.receive(30);
    if (!frame || !is_numbered_frame(*frame, seq)) return seq;
    bridge.commit(seq + 1);
  }
  return end;
}

BridgePair::BridgePair(const Change& change, const Address& address, const AcceptLimits& limits, const TlsFiles& b_tls)
    : a_options(test_bridge("a")), b_options(test_bridge("b")), acceptor(address, b_tls, limits, {}) {
  a_options.dial = acceptor.address();
  if (change) change(a_options, b_options);
  b = std::make_unique<Bridge>(b_options);
  acceptor.add(*b);
  b->start();
  a = std::make_unique<Bridge>(a_options);
  a->start();
}

BridgePair::~BridgePair() {
  acceptor.remove(*b);
  acceptor.stop();
}

void BridgePair::replace_b(const std::function<void(Bridge& b)>& prepare) {
  acceptor.remove(*b);
  b->stop();
  ++b_options.session.incarnation;
  ++b_options.session.boot_id;
  b = std::make_unique<Bridge>(b_options);
  if (prepare) prepare(*b);
  acceptor.add(*b);
  b->start();
}

}  // namespace cleave
