#include "engine/net/loopback_channel.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <vector>

#include <fmt/format.h>

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

Clock::duration seconds(double s) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
}

// A day for never.
Clock::time_point after(double timeout_s) { return Clock::now() + seconds(timeout_s < 0 ? 86400 : timeout_s); }

struct Piece {
  std::vector<std::byte> bytes;
  std::size_t taken = 0;
  Clock::time_point ready;
};

// One direction.
struct Way {
  std::deque<Piece> pieces;
  std::int64_t waiting_bytes = 0, passed_bytes = 0;
  std::int64_t drop_at_byte = -1;
};

// A connection; way 0 is from the end that dialled.
struct Wire {
  std::mutex lock;
  std::condition_variable changed;
  LoopbackFaults faults;
  std::mt19937_64 random;
  Way ways[2];
  bool closed[2] = {false, false};  // by which end
  bool is_cut = false;

  bool is_down() const { return closed[0] || closed[1] || is_cut; }

  void cut() {
    const std::lock_guard held(lock);
    is_cut = true;
    changed.notify_all();
  }
};

class LoopbackChannel final : public Channel {
 public:
  LoopbackChannel(std::shared_ptr<Wire> wire, int side, std::string peer)
      : wire_(std::move(wire)), side_(side), peer_(std::move(peer)) {}
  ~LoopbackChannel() override { LoopbackChannel::close(); }
  LoopbackChannel(const LoopbackChannel&) = delete;
  LoopbackChannel& operator=(const LoopbackChannel&) = delete;

  IoResult read(std::span<std::byte> into, double timeout_s) override {
    const Clock::time_point end = after(timeout_s);
    std::unique_lock held(wire_->lock);
    if (into.empty()) return {};
    Way& way = wire_->ways[1 - side_];
    for (;;) {
      if (wire_->closed[side_]) return {IoStatus::closed, 0, ""};
      const bool some = !way.pieces.empty();
      if (some && way.pieces.front().ready <= Clock::now()) return take(way, into);
      if (!some && wire_->is_down()) return {IoStatus::closed, 0, ""};
      if (Clock::now() >= end) return {IoStatus::timeout, 0, ""};
      wire_->changed.wait_until(held, some ? std::min(end, way.pieces.front().ready) : end);
    }
  }

  IoResult write(std::span<const std::span<const std::byte>> parts, double timeout_s) override {
    const Clock::time_point end = after(timeout_s);
    std::unique_lock held(wire_->lock);
    Way& way = wire_->ways[side_];
    std::int64_t written = 0;
    for (std::span<const std::byte> part : parts)
      while (!part.empty()) {
        if (wire_->is_down()) return {IoStatus::closed, 0, ""};
        const std::size_t fits = put(way, part);
        written += static_cast<std::int64_t>(fits);
        part = part.subspan(fits);
        if (fits > 0) continue;
        if (Clock::now() >= end) return {IoStatus::timeout, written, ""};
        wire_->changed.wait_until(held, end);
      }
    return {IoStatus::ok, written, ""};
  }

  void close() override {
    const std::lock_guard held(wire_->lock);
    wire_->closed[side_] = true;
    wire_->changed.notify_all();
  }

  std::string peer_address() const override { return peer_; }

 private:
  // Both with the lock held.

  std::size_t put(Way& way, std::span<const std::byte> bytes) const {
    std::int64_t room = std::min(wire_->faults.room_bytes - way.waiting_bytes, static_cast<std::int64_t>(bytes.size()));
    if (way.drop_at_byte >= 0) room = std::min(room, way.drop_at_byte - way.passed_bytes);
    const auto fits = static_cast<std::size_t>(std::max<std::int64_t>(room, 0));
    if (fits > 0) {
      const std::span<const std::byte> part = bytes.first(fits);
      way.pieces.push_back({{part.begin(), part.end()}, 0, Clock::now() + seconds(wire_->faults.delay_s)});
    }
    way.waiting_bytes += static_cast<std::int64_t>(fits);
    way.passed_bytes += static_cast<std::int64_t>(fits);
    if (way.passed_bytes == way.drop_at_byte) wire_->is_cut = true;
    wire_->changed.notify_all();
    return fits;
  }

  IoResult take(Way& way, std::span<std::byte> into) const {
    const std::int64_t most = wire_->faults.most_read_bytes;
    if (most > 0)
      into = into.first(
          std::min(into.size(), 1 + static_cast<std::size_t>(wire_->random()) % static_cast<std::size_t>(most)));
    std::size_t done = 0;
    while (done < into.size() && !way.pieces.empty() && way.pieces.front().ready <= Clock::now()) {
      Piece& piece = way.pieces.front();
      const std::size_t count = std::min(piece.bytes.size() - piece.taken, into.size() - done);
      std::copy_n(piece.bytes.begin() + static_cast<std::ptrdiff_t>(piece.taken), count,
                  into.begin() + static_cast<std::ptrdiff_t>(done));
      done += count;
      piece.taken += count;
      if (piece.taken == piece.bytes.size()) way.pieces.pop_front();
    }
    way.waiting_bytes -= static_cast<std::int64_t>(done);
    wire_->changed.notify_all();
    return {IoStatus::ok, static_cast<std::int64_t>(done), ""};
  }

  const std::shared_ptr<Wire> wire_;
  const int side_;
  const std::string peer_;
};

// Who waits to be accepted under one name.
struct Queue {
  std::deque<std::unique_ptr<Channel>> waiting;
};

}  // namespace

struct LoopbackNet::State {
  std::mutex lock;
  std::condition_variable changed;
  LoopbackFaults faults;
  std::map<std::string, std::shared_ptr<Queue>> names;
  std::vector<std::weak_ptr<Wire>> wires;
  std::int64_t dialled = 0;

  std::unique_ptr<Channel> accept(const std::string& name, const std::shared_ptr<Queue>& queue, double timeout_s) {
    const Clock::time_point end = after(timeout_s);
    std::unique_lock held(lock);
    for (;;) {
      const auto found = names.find(name);
      if (found == names.end() || found->second != queue) return nullptr;  // closed
      if (!queue->waiting.empty()) {
        std::unique_ptr<Channel> channel = std::move(queue->waiting.front());
        queue->waiting.pop_front();
        return channel;
      }
      if (Clock::now() >= end) return nullptr;
      changed.wait_until(held, end);
    }
  }

  void forget(const std::string& name, const std::shared_ptr<Queue>& queue) {
    const std::lock_guard held(lock);
    const auto found = names.find(name);
    if (found != names.end() && found->second == queue) names.erase(found);
    queue->waiting.clear();
    changed.notify_all();
  }
};

LoopbackNet::LoopbackNet() : state_(std::make_shared<State>()) {}

void LoopbackNet::set_faults(const LoopbackFaults& faults) {
  const std::lock_guard held(state_->lock);
  state_->faults = faults;
}

Listener LoopbackNet::listen(const Address& address) {
  const std::lock_guard held(state_->lock);
  const auto queue = std::make_shared<Queue>();
  if (!state_->names.emplace(address.host, queue).second)
    throw RunError(fmt::format("cannot listen on {}: the name is taken", address.text()));
  return {
      address,
      [state = state_, name = address.host, queue](double timeout_s) { return state->accept(name, queue, timeout_s); },
      [state = state_, name = address.host, queue] { state->forget(name, queue); }};
}

std::unique_ptr<Channel> LoopbackNet::dial(const Address& address) {
  const std::lock_guard held(state_->lock);
  const auto found = state_->names.find(address.host);
  if (found == state_->names.end())
    throw RunError(fmt::format("cannot connect to {}: nobody listens there", address.text()), ExitCode::unreachable);
  const auto wire = std::make_shared<Wire>();
  wire->faults = state_->faults;
  wire->random.seed(state_->faults.seed + static_cast<std::uint64_t>(state_->dialled++));
  wire->ways[0].drop_at_byte = state_->faults.drop_at_byte;
  wire->is_cut = state_->faults.drop_at_byte == 0;
  std::erase_if(state_->wires, [](const std::weak_ptr<Wire>& old) { return old.expired(); });
  state_->wires.push_back(wire);
  found->second->waiting.push_back(std::make_unique<LoopbackChannel>(wire, 1, address.text()));
  state_->changed.notify_all();
  return std::make_unique<LoopbackChannel>(wire, 0, address.text());
}

void LoopbackNet::cut() {
  const std::lock_guard held(state_->lock);
  for (const std::weak_ptr<Wire>& wire : state_->wires)
    if (const std::shared_ptr<Wire> alive = wire.lock()) alive->cut();
}

std::int64_t LoopbackNet::dialled() const {
  const std::lock_guard held(state_->lock);
  return state_->dialled;
}

}  // namespace cleave
