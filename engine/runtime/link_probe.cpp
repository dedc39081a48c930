#include "engine/runtime/link_probe.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>

#include <fmt/format.h>

#include "ops/core/file.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

double since_s(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// One end of a probe: what both need to write and read.
struct End {
  Channel& channel;
  Until until;
  std::vector<std::byte> chunk = std::vector<std::byte>(kLinkProbeChunkBytes, std::byte{0x5A});

  IoResult say(MessageType type, std::uint64_t seq, std::span<const std::byte> payload = {}) {
    return write_message(channel, {.type = type, .edge = kLinkProbeEdge, .seq = seq}, payload, until);
  }
  IoResult hear(Message& message) {
    return read_message(channel, kLinkProbeEdge, kLinkProbeChunkBytes, message, until);
  }
  IoResult say_chunks(std::uint64_t count) {
    IoResult result;
    for (std::uint64_t i = 0; i < count && result.ok(); ++i) result = say(MessageType::data, i, chunk);
    return result;
  }
};

// What the end that measures may not go on after.
void require(const IoResult& result) {
  if (!result.ok())
    throw RunError(fmt::format("the link cannot be measured: {}", what_happened(result)), ExitCode::unreachable);
}

Message require_type(End& end, MessageType type) {
  Message message;
  require(end.hear(message));
  if (message.header.type != type)
    throw RunError(fmt::format("the link cannot be measured: {} came where {} was due", to_text(message.header.type),
                               to_text(type)),
                   ExitCode::unreachable);
  return message;
}

// [pings] seconds, ascending.
std::vector<double> round_trips(End& end, int pings) {
  std::vector<double> trips;
  for (int i = 0; i < pings; ++i) {
    const Clock::time_point start = Clock::now();
    require(end.say(MessageType::ping, static_cast<std::uint64_t>(i)));
    require_type(end, MessageType::pong);
    trips.push_back(since_s(start));
  }
  std::sort(trips.begin(), trips.end());
  return trips;
}

// Sends chunks; the other end says when it has the last one, which it knows by the DRAIN behind them.
void send_bulk(End& end, std::uint64_t count) {
  require(end.say_chunks(count));
  require(end.say(MessageType::drain, count));
  require_type(end, MessageType::drained);
}

// Asks for chunks by an ACK, and takes them.
void take_bulk(End& end, std::uint64_t count) {
  require(end.say(MessageType::ack, count));
  for (std::uint64_t i = 0; i < count; ++i) require_type(end, MessageType::data);
}

// Bits a second that `move` gets through.
double bandwidth(const LinkProbeOptions& options, double round_trip_s, std::int64_t& bytes,
                 const std::function<void(std::uint64_t)>& move) {
  const std::int64_t most = std::max(std::int64_t{1}, options.most_bytes / kLinkProbeChunkBytes);
  for (std::int64_t count = std::min<std::int64_t>(4, most);; count = std::min(2 * count, most)) {
    const Clock::time_point start = Clock::now();
    move(static_cast<std::uint64_t>(count));
    const double spent_s = since_s(start);
    bytes += count * kLinkProbeChunkBytes;
    // A round trip is part of it, but never all of it: it may have been longer before than now.
    const double moving_s = std::max(spent_s - round_trip_s, spent_s / 10);
    if (count == most || spent_s >= options.long_enough_s)
      return 8.0 * static_cast<double>(count * kLinkProbeChunkBytes) / moving_s;
  }
}

// What the answering end has been asked for so far.
struct Asked {
  std::int64_t pings = 0, chunks = 0;

  bool too_much() const { return pings > kMostLinkProbePings || chunks > kMostLinkProbeBytes / kLinkProbeChunkBytes; }
};

// Answers one message; `done` when it was the last one.
IoResult answer(End& end, const Message& message, Asked& asked, bool& done) {
  const IoResult too_much = {IoStatus::failed, 0, "it asked for more than a probe may"};
  switch (message.header.type) {
    case MessageType::ping:
      ++asked.pings;
      return asked.too_much() ? too_much : end.say(MessageType::pong, message.header.seq);
    case MessageType::data: ++asked.chunks; return asked.too_much() ? too_much : IoResult{};
    case MessageType::drain: return end.say(MessageType::drained, message.header.seq);
    case MessageType::ack: {
      const std::uint64_t most = static_cast<std::uint64_t>(kMostLinkProbeBytes / kLinkProbeChunkBytes);
      asked.chunks += static_cast<std::int64_t>(std::min(message.header.seq, most + 1));
      return asked.too_much() ? too_much : end.say_chunks(message.header.seq);
    }
    case MessageType::bye: done = true; return {};
    default: return {IoStatus::failed, 0, fmt::format("{} is no part of a probe", to_text(message.header.type))};
  }
}

}  // namespace

LinkMeasure measure_link(Channel& channel, const std::string& own_name, const std::string& device,
                         const LinkProbeOptions& options) {
  End end{channel, Until(options.deadline_s)};
  Greeting hello;
  hello.device = own_name;
  hello.peer = device;
  hello.boot_id = 1;
  const Greeted greeted = greet(channel, kLinkProbeEdge, hello, end.until);
  if (!greeted.fault.empty())
    throw RunError(fmt::format("the link cannot be measured: {}", greeted.fault), ExitCode::unreachable);
  LinkMeasure measure;
  const std::vector<double> trips = round_trips(end, std::max(1, options.pings));
  const double median = trips[trips.size() / 2];
  measure.latency_s = median / 2;
  measure.spread_s = (trips[trips.size() * 3 / 4] - trips[trips.size() / 4]) / 4;
  measure.up_bps = bandwidth(options, median, measure.bytes, [&](std::uint64_t count) { send_bulk(end, count); });
  measure.down_bps = bandwidth(options, median, measure.bytes, [&](std::uint64_t count) { take_bulk(end, count); });
  require(end.say(MessageType::bye, 0));
  return measure;
}

std::string answer_link_probe(Channel& channel, const Greeting& hello, const std::string& own_name, double deadline_s) {
  End end{channel, Until(deadline_s)};
  if (!hello.peer.empty() && hello.peer != own_name) {
    std::string text = fmt::format("this is the worker of '{}', not of '{}'", own_name, printable(hello.peer));
    write_refusal(channel, kLinkProbeEdge, {RefuseCode::device, text}, end.until);
    return text;
  }
  Greeting welcome;
  welcome.device = own_name;
  welcome.peer = hello.device;
  welcome.boot_id = 1;
  IoResult result = write_welcome(channel, kLinkProbeEdge, welcome, end.until);
  Asked asked;
  bool done = false;
  for (Message message; result.ok() && !done;) {
    result = end.hear(message);
    if (result.ok()) result = answer(end, message, asked, done);
  }
  return done ? "" : what_happened(result);
}

}  // namespace cleave
