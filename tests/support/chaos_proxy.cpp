// Two threads for each direction of a connection: one reads and says when a piece is due, the other writes it then. So
// a delay does not slow the line.
#include "tests/support/chaos_proxy.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <limits>
#include <list>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "ops/core/error.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;
using Random = std::mt19937_64;

constexpr std::size_t kReadBytes = std::size_t{64} << 10;
constexpr std::size_t kMostPieces = 64;  // on the line, so that a sender feels a slow one

Clock::duration seconds(double value) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(value));
}

struct Piece {
  std::vector<std::byte> bytes;
  Clock::time_point due;
};

// One direction of a connection.
struct Line {
  std::deque<Piece> pieces;
  bool ended = false;  // no more pieces will come
  std::thread reader, writer;
};

struct Link {
  Chaos chaos;
  std::uint64_t number = 0;
  std::unique_ptr<Channel> front, back;
  std::atomic<std::int64_t> left = 0;  // bytes until it is cut
  std::array<Line, 2> lines;           // forth, back
};

void flip(std::vector<std::byte>& bytes, double chance, Random& random) {
  if (chance <= 0) return;
  std::geometric_distribution<std::size_t> gap(chance);
  for (std::size_t i = gap(random); i < bytes.size(); i += 1 + gap(random)) bytes[i] ^= std::byte{1} << (random() % 8);
}

}  // namespace

struct ChaosProxy::State {
  Listener listener;
  std::thread thread;
  mutable std::mutex mutex;
  std::condition_variable changed;
  Address back;
  Chaos next_chaos;
  bool stopping = false, paused = false;
  std::array<bool, 2> swallowed{};
  std::list<Link> links;
  std::int64_t connections = 0;
  std::atomic<std::int64_t> passed = 0;

  void close(Link& link) {
    link.front->close();
    link.back->close();
  }
  void put(Line& line, Piece piece);
  std::optional<Piece> take(Line& line);
  void read(Link& link, std::size_t way);
  void write(Link& link, std::size_t way);
  void add(std::unique_ptr<Channel> front);
  void run();
};

void ChaosProxy::State::put(Line& line, Piece piece) {
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return stopping || line.ended || line.pieces.size() < kMostPieces; });
  line.pieces.push_back(std::move(piece));
  changed.notify_all();
}

// Returns the next piece when it is due; nothing at the end.
std::optional<Piece> ChaosProxy::State::take(Line& line) {
  std::unique_lock<std::mutex> lock(mutex);
  while (!stopping) {
    if (line.pieces.empty() && line.ended) break;
    if (paused || line.pieces.empty()) {
      changed.wait(lock);
    } else if (line.pieces.front().due > Clock::now()) {
      changed.wait_until(lock, line.pieces.front().due);
    } else {
      Piece piece = std::move(line.pieces.front());
      line.pieces.pop_front();
      changed.notify_all();
      return piece;
    }
  }
  return std::nullopt;
}

void ChaosProxy::State::read(Link& link, std::size_t way) {
  const Chaos& chaos = link.chaos;
  Line& line = link.lines.at(way);
  Random random(chaos.seed * 1000003 + link.number * 2 + way);
  Clock::time_point free = Clock::now(), last = free;
  std::vector<std::byte> bytes(kReadBytes);
  while (true) {
    const IoResult result = (way == 0 ? link.front : link.back)->read(bytes, -1);
    if (!result.ok()) break;
    for (std::size_t at = 0, end = static_cast<std::size_t>(result.bytes); at < end;) {
      const std::size_t most = chaos.piece_bytes > 0 ? 1 + random() % static_cast<std::size_t>(chaos.piece_bytes) : end;
      const std::size_t size = std::min(most, end - at);
      Piece piece;
      piece.bytes.assign(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                         bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
      if (way == 0) flip(piece.bytes, chaos.flip_per_byte, random);
      if (chaos.rate_bps > 0)
        free = std::max(free, Clock::now()) + seconds(static_cast<double>(size) * 8 / chaos.rate_bps);
      const double late_s = chaos.delay_s + chaos.jitter_s * std::uniform_real_distribution<double>()(random);
      last = std::max(last, std::max(free, Clock::now()) + seconds(late_s));
      piece.due = last;
      put(line, std::move(piece));
      at += size;
    }
  }
  const std::lock_guard<std::mutex> lock(mutex);
  line.ended = true;
  changed.notify_all();
}

void ChaosProxy::State::write(Link& link, std::size_t way) {
  while (const std::optional<Piece> piece = take(link.lines.at(way))) {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      if (swallowed.at(way)) continue;
    }
    std::span<const std::byte> part = piece->bytes;
    const std::int64_t size = static_cast<std::int64_t>(part.size());
    const std::int64_t left = link.left.fetch_sub(size);
    if (left < size) part = part.first(static_cast<std::size_t>(std::max<std::int64_t>(left, 0)));
    const std::array<std::span<const std::byte>, 1> parts{part};
    if (!(way == 0 ? link.back : link.front)->write(parts, -1).ok()) break;
    passed += static_cast<std::int64_t>(part.size());
    if (left <= size) break;
  }
  close(link);
  const std::lock_guard<std::mutex> lock(mutex);
  link.lines.at(way).ended = true;  // whoever still reads need not wait for room
  changed.notify_all();
}

void ChaosProxy::State::add(std::unique_ptr<Channel> front) {
  Address to;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    to = back;
  }
  std::unique_ptr<Channel> other;
  try {
    other = dial(to, {}, "", 2);
  } catch (const RunError&) {
    return;  // nobody there: the front closes
  }
  const std::lock_guard<std::mutex> lock(mutex);
  if (stopping) return;
  Link& link = links.emplace_back();
  link.chaos = next_chaos;
  link.number = static_cast<std::uint64_t>(connections++);
  link.front = std::move(front);
  link.back = std::move(other);
  link.left =
      next_chaos.cut_after_bytes > 0 ? next_chaos.cut_after_bytes : std::numeric_limits<std::int64_t>::max() / 2;
  for (const std::size_t way : {std::size_t{0}, std::size_t{1}}) {
    link.lines.at(way).reader = std::thread([this, &link, way] { read(link, way); });
    link.lines.at(way).writer = std::thread([this, &link, way] { write(link, way); });
  }
}

void ChaosProxy::State::run() {
  while (true) {
    std::unique_ptr<Channel> channel = listener.accept(1);
    {
      const std::lock_guard<std::mutex> lock(mutex);
      if (stopping) return;
    }
    if (channel) add(std::move(channel));
  }
}

ChaosProxy::ChaosProxy(const Address& front, const Address& back, const Chaos& chaos)
    : state_(std::make_unique<State>()) {
  state_->listener = listen_on(front, {});
  state_->back = back;
  state_->next_chaos = chaos;
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

ChaosProxy::~ChaosProxy() {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->stopping = true;
    state_->changed.notify_all();
  }
  state_->listener.close();
  state_->thread.join();
  for (Link& link : state_->links) {
    state_->close(link);
    for (Line& line : link.lines) {
      line.reader.join();
      line.writer.join();
    }
  }
}

Address ChaosProxy::address() const { return state_->listener.address; }

void ChaosProxy::set(const Chaos& chaos) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->next_chaos = chaos;
}

void ChaosProxy::set_back(const Address& back) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->back = back;
}

void ChaosProxy::cut() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  for (Link& link : state_->links) state_->close(link);
}

void ChaosProxy::pause(bool paused) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->paused = paused;
  state_->changed.notify_all();
}

void ChaosProxy::swallow(bool forth, bool back) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->swallowed = {forth, back};
}

std::int64_t ChaosProxy::connections() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->connections;
}

std::int64_t ChaosProxy::bytes() const { return state_->passed; }

}  // namespace cleave
