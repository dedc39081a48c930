// The two threads of a bridge; see bridge_core.h.
#include <algorithm>
#include <array>
#include <exception>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "engine/net/tls.h"
#include "engine/runtime/bridge_core.h"
#include "ops/core/error.h"

namespace cleave {
namespace {

constexpr double kDialTimeout_s = 2;
constexpr double kFirstPause_s = 0.05, kLongestPause_s = 2;
constexpr double kAliveEvery_s = 0.1;  // a payload that is still coming tells so
constexpr double kFlush_s = 0.1;       // to say the last words when stopped

// Pauses between attempts: twice as long each time, give or take a quarter, so that a swarm that was cut off does not
// come back all at the same moment.
struct BackOff {
  std::minstd_rand random;
  double pause_s = 0;  // before the very first attempt

  double next_s() {
    const double pause = pause_s * std::uniform_real_distribution<double>(0.75, 1.25)(random);
    pause_s = std::clamp(2 * pause_s, kFirstPause_s, kLongestPause_s);
    return pause;
  }
};

bool is_over(const BridgeCore& core) { return core.stopping || core.failed; }

// Sets what is to be logged: the link's state when it differs from what was logged last.
void note_link(BridgeCore& core, const std::string& line) {
  if (line == core.last_log) return;
  core.last_log = core.log_line = line;
}

void note_up(BridgeCore& core) {
  if (core.session.state() == LinkState::up && core.channel)
    note_link(core, fmt::format("{}: connected to {}", core.options.name, core.channel->peer_address()));
}

void note_down(BridgeCore& core) {
  if (core.stopping) return;
  const char* const then = core.failed ? "giving up" : core.options.dial ? "trying again" : "waiting for it";
  note_link(core, fmt::format("{}: {}; {}", core.options.name, core.fault, then));
}

// Dials once. Null when it did not work; the fault is noted.
std::shared_ptr<Channel> try_dial(BridgeCore& core) {
  std::string fault;
  bool final = false;
  try {
    return dial(*core.options.dial, core.options.tls, core.options.session.peer, kDialTimeout_s);
  } catch (const RunError& error) {
    fault = error.what();
  } catch (const std::exception& error) {  // of our files: it will not get better
    fault = error.what();
    final = true;
  }
  Turn turn(core, Turn::Of::bridge);
  core.fault = fault;
  core.failed = core.failed || final;
  if (final) wake_users(core);
  note_down(core);
  return nullptr;
}

// Returns the next connection and its number; null when the bridge is over.
std::pair<std::shared_ptr<Channel>, std::int64_t> dial_until_connected(BridgeCore& core, BackOff& back_off) {
  while (true) {
    {
      Turn turn(core, Turn::Of::bridge);
      const double until = now_s() + back_off.next_s();
      while (!is_over(core) && now_s() < until) turn.wait(core.link, until);
      if (is_over(core)) return {};
    }
    const std::shared_ptr<Channel> channel = try_dial(core);
    if (!channel) continue;
    Turn turn(core, Turn::Of::bridge);
    if (is_over(core)) return {};  // the channel closes as it goes
    forward_commit(core);
    core.session.on_connected(now_s());
    adopt(core, channel);
    return {channel, core.connection};
  }
}

std::pair<std::shared_ptr<Channel>, std::int64_t> wait_until_attached(BridgeCore& core) {
  Turn turn(core, Turn::Of::bridge);
  while (!is_over(core) && !core.channel) turn.wait(core.link, kNever);
  if (is_over(core)) return {};
  return {core.channel, core.connection};
}

// A large message may take long on a slow link, and nothing else can come before its end: it is a sign of life.
void note_alive(BridgeCore& core, std::int64_t connection) {
  Turn turn(core, Turn::Of::bridge);
  if (connection != core.connection || core.session.state() != LinkState::up) return;
  MessageHeader pong;
  pong.type = MessageType::pong;
  pong.edge = core.options.session.edge;
  obey(core, core.session.on_message(pong, nullptr, now_s()));
}

// `crc` is that of what was read, if it is wanted.
IoResult read_payload(BridgeCore& core, Channel& channel, std::int64_t connection, std::span<std::byte> into,
                      std::uint32_t* crc) {
  double noted_s = now_s();
  IoResult result;
  while (!into.empty()) {
    result = channel.read(into, -1);
    if (!result.ok()) return result;
    const auto count = static_cast<std::size_t>(result.bytes);
    if (crc != nullptr) *crc = crc32c(into.first(count), *crc);
    into = into.subspan(count);
    if (into.empty() || now_s() < noted_s + kAliveEvery_s) continue;
    note_alive(core, connection);
    noted_s = now_s();
  }
  return result;
}

enum class Body : std::uint8_t { fine, unsummed, damaged };

Verdict hand_in(BridgeCore& core, const MessageHeader& header, std::shared_ptr<Buffer> payload, Body body, double now) {
  if (body == Body::damaged) return core.session.on_corrupt("the payload of a data message is damaged", now);
  if (body == Body::fine) return core.session.on_message(header, std::move(payload), now);
  lose(core, "frames come without checksums, which this end wants");
  return Verdict::keep;
}

// Gives the session one message. False when the connection is not ours any more.
bool deliver(BridgeCore& core, std::int64_t connection, const MessageHeader& header, std::shared_ptr<Buffer> payload,
             Body body) {
  Turn turn(core, Turn::Of::bridge);
  if (connection != core.connection || !core.channel) return false;
  const double now = now_s();
  obey(core, hand_in(core, header, std::move(payload), body, now));
  note_peer(core);
  if (header.type == MessageType::data) expect_ack(core, now);
  if (header.type == MessageType::welcome) note_up(core);
  if (!core.channel) note_down(core);
  const bool heirs = header.type == MessageType::data && core.receive_wait.waiting > 0;
  wake_users(core);
  if (!heirs) wake_writer(core);  // else who receives the frame writes what is to be said of it
  return core.channel != nullptr;
}

std::string fault_of(const IoResult& result, const HeaderBytes& begun) {
  if (!result.error.empty()) return result.error;
  // An end with TLS says so to one without, and hangs up.
  return looks_like_tls(begun) ? std::string("the peer speaks TLS: ") + kTlsOnOneEndOnly : "the connection was closed";
}

// Reads the payload that a header announces, and says what it is. A payload that is summed already is marked as not to
// be summed.
IoResult read_body(BridgeCore& core, Channel& channel, std::int64_t connection, MessageHeader& header,
                   std::shared_ptr<Buffer>& payload, Body& body) {
  body = Body::fine;
  if (header.length == 0) return {};
  payload = core.pool.take(header.length);
  const bool sums = core.sums_as_it_reads && header.type == MessageType::data;
  std::uint32_t crc = 0;
  IoResult result = read_payload(core, channel, connection, payload->bytes(), sums ? &crc : nullptr);
  if (!sums) return result;
  if ((header.flags & kFlagNoCrc) != 0) body = Body::unsummed;
  else if (crc != header.body_crc) body = Body::damaged;
  header.flags |= kFlagNoCrc;
  return result;
}

// Reads until the connection ends, however it does.
void read_messages(BridgeCore& core, const std::shared_ptr<Channel>& channel, std::int64_t connection) {
  const SessionOptions& options = core.options.session;
  while (true) {
    HeaderBytes bytes{};
    MessageHeader header;
    IoResult result = read_all(*channel, bytes, -1);
    HeaderFault fault = HeaderFault::none;
    Body body = Body::fine;
    std::shared_ptr<Buffer> payload;
    if (result.ok()) fault = decode_header(bytes, options.edge, options.item_bytes * options.most_items, header);
    if (result.ok() && fault == HeaderFault::none)
      result = read_body(core, *channel, connection, header, payload, body);
    if (result.ok() && fault == HeaderFault::none) {
      if (!deliver(core, connection, header, std::move(payload), body)) return;
      continue;
    }
    Turn turn(core, Turn::Of::bridge);
    if (connection != core.connection || !core.channel) return;
    if (!result.ok()) lose(core, fault_of(result, bytes));
    if (result.ok()) obey(core, core.session.on_corrupt(to_text(fault), now_s()));
    note_down(core);
    return;
  }
}

// Ticks if it is time; returns when the writer must look again at the latest.
double tick(BridgeCore& core, double now) {
  const double every_s = core.options.session.ping_s / 2;
  if (!core.channel) return kNever;
  if (core.next_tick_s == kNever) core.next_tick_s = now + every_s;
  if (now >= core.next_tick_s) {
    core.next_tick_s = now + every_s;
    obey(core, core.session.on_tick(now));
    if (!core.channel) {
      note_down(core);
      return kNever;
    }
  }
  if (now >= core.ack_at_s) {
    core.ack_at_s = kNever;
    forward_commit(core);
  }
  const double due_s = core.delayed.empty() ? kNever : core.delayed.front().due_s;
  return std::min({core.next_tick_s, core.ack_at_s, due_s});
}

}  // namespace

void run_link(BridgeCore& core) {
  BackOff back_off{
      .random = std::minstd_rand(static_cast<std::uint32_t>(core.options.session.boot_id ^ core.options.session.edge))};
  while (true) {
    const auto [channel, connection] =
        core.options.dial ? dial_until_connected(core, back_off) : wait_until_attached(core);
    if (!channel) return;
    const std::int64_t ups = [&] {
      Turn turn(core, Turn::Of::bridge);
      note_up(core);
      return core.session.counts().connects;
    }();
    read_messages(core, channel, connection);
    Turn turn(core, Turn::Of::bridge);
    if (core.session.counts().connects > ups) back_off.pause_s = kFirstPause_s;
  }
}

void run_writer(BridgeCore& core) {
  Turn turn(core, Turn::Of::bridge);
  const double slice_s = core.options.session.ping_s / 2;
  while (!core.stopping) {
    const double now = now_s();
    const double until = tick(core, now);
    if (fetch(core, now)) {
      write_ready(core, turn, slice_s);
      continue;
    }
    core.writer_until_s = until;
    turn.wait(core.work, until);
    core.writer_until_s = -kNever;
  }
  forward_commit(core);
  const double end_s = now_s() + kFlush_s;
  while (now_s() < end_s && (core.writing || fetch(core, now_s()))) {
    if (core.writing) turn.wait(core.work, std::min(end_s, now_s() + kFlush_s / 10));
    else write_ready(core, turn, kFlush_s);
  }
  core.writer_ended = true;
  core.ended.notify_all();
}

}  // namespace cleave
