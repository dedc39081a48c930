#include "engine/runtime/control.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>
#include <utility>

namespace cleave {

namespace {

constexpr std::int64_t kPieceBytes = std::int64_t{256} << 10;
constexpr std::size_t kMostBytes = std::size_t{4} << 30;  // of one message: the weights of a very large shard
// In the tag, above the kind.
constexpr std::uint64_t kFirst = 256, kMore = 512;  // the first piece of a message; further ones follow

constexpr const char* kNames[] = {"",          "assign",  "model", "weights", "state",  "begin",
                                  "committed", "release", "want",  "ready",   "failed", "counts",
                                  "progress",  "trace",   "score", "done",    "still",  "lacks"};

}  // namespace

const char* to_text(ControlKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

ControlMessage control_message(ControlKind kind, std::string_view text) {
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  return {kind, {bytes, bytes + text.size()}};
}

std::uint64_t control_edge() { return 0x6c6f72746e6f63ULL; }  // "control"

SessionOptions control_session(const std::string& device, const std::string& peer, std::uint64_t boot_id) {
  SessionOptions options;
  options.edge = control_edge();
  options.device = device;
  options.peer = peer;
  options.boot_id = boot_id;
  options.item_bytes = 1;
  options.most_items = kPieceBytes;
  options.window_frames = 16;
  options.window_bytes = 16 * (kPieceBytes + kMessageHeaderBytes);
  options.keep_frames = 64;
  options.reset_on_new_peer = true;
  return options;
}

bool ControlLink::send(ControlKind kind, std::span<const std::byte> body, const std::function<bool()>& give_up) {
  for (bool first = true;; first = false) {
    const std::size_t size = std::min(body.size(), static_cast<std::size_t>(kPieceBytes - 1));
    const bool more = size < body.size();
    // One byte more than the piece, so that no message is empty.
    const auto buffer = std::make_shared<Buffer>(static_cast<std::int64_t>(size) + 1);
    buffer->bytes()[0] = std::byte{0};
    std::copy_n(body.begin(), size, buffer->bytes().begin() + 1);
    const std::uint64_t tag = static_cast<std::uint64_t>(kind) | (first ? kFirst : 0) | (more ? kMore : 0);
    if (!send_piece({.seq = 0, .tag = tag, .flags = 0, .payload = buffer}, give_up)) return false;
    body = body.subspan(size);
    if (!more) return true;
  }
}

bool ControlLink::send_piece(const WireFrame& piece, const std::function<bool()>& give_up) {
  if (!give_up) return bridge_.send(piece);
  while (!bridge_.try_send(piece)) {
    if (give_up() || bridge_.status().failed) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

bool ControlLink::send(ControlKind kind, std::string_view text, const std::function<bool()>& give_up) {
  return send(kind, std::as_bytes(std::span(text.data(), text.size())), give_up);
}

std::optional<ControlMessage> ControlLink::receive(double timeout_s) {
  while (const std::optional<WireFrame> frame = bridge_.receive(timeout_s)) {
    bridge_.commit(frame->seq + 1);
    const auto kind = static_cast<ControlKind>(frame->tag & (kFirst - 1));
    if (kind < ControlKind::assign || kind > ControlKind::lacks) continue;
    if ((frame->tag & kFirst) != 0) partial_ = ControlMessage{kind, {}};
    if (!partial_) continue;  // its beginning was never said
    const std::span<const std::byte> piece = frame->payload->bytes().subspan(1);
    if (partial_->body.size() + piece.size() > kMostBytes) partial_.reset();
    else partial_->body.insert(partial_->body.end(), piece.begin(), piece.end());
    if ((frame->tag & kMore) != 0 || !partial_) continue;
    return std::exchange(partial_, std::nullopt);
  }
  return std::nullopt;
}

std::uint64_t mix_ids(std::uint64_t a, std::uint64_t b) {
  std::uint64_t z = a + 0x9e3779b97f4a7c15ULL + (b << 1);  // splitmix64 (Steele, Lea and Flood 2014)
  z = (z ^ (z >> 30) ^ b) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

std::uint64_t random_id() {
  std::random_device source;
  return static_cast<std::uint64_t>(source()) << 32 | source();
}

}  // namespace cleave
