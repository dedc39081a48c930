// The steps at a bridge's core. Every message goes the same way: the session gives it out (`fetch`), whoever has the
// right to write writes it without the lock (`write_ready`), and the session's answers to what came in, went wrong or
// took too long are obeyed. `connection` tells threads that come back from reading or writing whether their connection
// is still the bridge's.
#include "engine/runtime/bridge_core.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace cleave {
namespace {

// Larger messages are not written by whoever made them: writing them takes long even when all is well.
constexpr std::int64_t kSmallBytes = std::int64_t{20} << 10;
constexpr int kSmallWrites = 4;                                // by one caller
constexpr std::int64_t kCopiedBytes = std::int64_t{16} << 10;  // larger payloads are written from where they are
constexpr std::size_t kBatchBytes = std::size_t{32} << 10;     // of small messages
// With TLS a write cannot be gone on with after a timeout. So it is given little at a time, and much time for it.
constexpr std::size_t kTlsBytes = std::size_t{64} << 10;
constexpr double kSmallTimeout_s = 0.005;  // after which the writer goes on with the rest
constexpr double kLastWords_s = 0.1;       // to write a refusal before the connection is closed

Outlook outlook(const BridgeCore& core) {
  const Session& session = core.session;
  return {.next = session.received_next(),
          .sent_committed = session.sent_committed(),
          .end = session.received_end(),
          .state = session.state(),
          .peer_changes = session.peer_changes(),
          .drained = session.is_drained(),
          .failed = core.failed,
          .room = session.can_send()};
}

SessionOptions session_options(const BridgeOptions& options, bool sums_as_it_reads) {
  SessionOptions session = options.session;
  session.sum_bodies = session.sum_bodies && !sums_as_it_reads;
  return session;
}

// Whether a message may leave before data that is under way on the emulated link.
bool overtakes(MessageType type) {
  return type != MessageType::data && type != MessageType::drain && type != MessageType::drained &&
         type != MessageType::bye;
}

void append(std::vector<std::byte>& to, std::span<const std::byte> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

// Adds a message. False when nothing can follow it any more.
bool add(Writing& writing, Outgoing message) {
  append(writing.bytes, encode_header(message.header));
  writing.is_data = writing.is_data || message.header.type == MessageType::data;
  if (!message.payload) {
    append(writing.bytes, message.control);
  } else if (message.payload->size() <= kCopiedBytes) {
    append(writing.bytes, message.payload->bytes());
  } else {
    writing.payload = std::move(message.payload);
  }
  return !writing.payload && writing.bytes.size() < kBatchBytes;
}

// Puts a data message on the emulated link.
void put_on_link(BridgeCore& core, Outgoing message, double now) {
  const LinkPace& pace = core.options.pace;
  const double bytes = static_cast<double>(kMessageHeaderBytes + std::int64_t{message.header.length});
  const bool is_data = message.header.type == MessageType::data;
  const double busy_s = is_data && pace.bandwidth_bps > 0 ? bytes * 8 / pace.bandwidth_bps : 0;
  core.link_free_s = std::max(core.link_free_s, now) + busy_s;
  core.busy_s += busy_s;
  core.delayed.push_back({std::move(message), core.link_free_s + pace.latency_s});
}

// What is not yet written, at most `most` bytes of it.
std::array<std::span<const std::byte>, 2> rest_of(const Writing& writing, std::size_t most) {
  std::span<const std::byte> bytes = writing.bytes, payload;
  if (writing.payload) payload = writing.payload->bytes();
  const auto done = static_cast<std::size_t>(writing.done_bytes);
  payload = payload.subspan(done - std::min(done, bytes.size()));
  bytes = bytes.subspan(std::min(done, bytes.size()));
  bytes = bytes.first(std::min(bytes.size(), most));
  return {bytes, payload.first(std::min(payload.size(), most - bytes.size()))};
}

IoResult write_rest(Channel& channel, Writing& writing, bool is_tls, double timeout_s) {
  const std::int64_t size = writing.size_bytes();
  do {
    const auto parts = rest_of(writing, is_tls ? kTlsBytes : static_cast<std::size_t>(size));
    const IoResult result = channel.write(parts, timeout_s);
    if (result.ok()) writing.done_bytes += static_cast<std::int64_t>(parts[0].size() + parts[1].size());
    if (result.status == IoStatus::timeout) writing.done_bytes += result.bytes;
    if (!result.ok()) return result;
  } while (writing.done_bytes < size);
  return {};
}

// After a write that ended so, of which `begun_bytes` had been written before.
void note_progress(BridgeCore& core, Writing writing, std::int64_t begun_bytes, const IoResult& result) {
  const double now = now_s();
  if (result.ok()) {
    core.spare = std::move(writing.bytes);
    return;
  }
  if (result.status != IoStatus::timeout) {
    lose(core, result.status == IoStatus::closed ? "the connection was closed" : result.error);
    return;
  }
  if (writing.done_bytes > begun_bytes) writing.progress_s = now;
  if (now - writing.progress_s > core.options.session.dead_s) {
    lose(core, fmt::format("the peer has read nothing for {:g} s", core.options.session.dead_s));
  } else {
    core.ready = std::move(writing);
  }
}

}  // namespace

std::int64_t Writing::size_bytes() const {
  return static_cast<std::int64_t>(bytes.size()) + (payload ? payload->size() : 0);
}

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

BridgeCore::BridgeCore(BridgeOptions given)
    : options(std::move(given)),
      sums_as_it_reads(options.session.sum_bodies && !options.is_sender),
      session(session_options(options, sums_as_it_reads)) {}

Turn::Turn(BridgeCore& core, Of of) : core_(core), of_(of), lock_(core.mutex) {}

Turn::~Turn() {
  if (lock_.owns_lock()) pause();
}

bool Turn::owes() const {
  if (!core_.doomed.empty()) return true;
  if (core_.wake_room || core_.wake_arrived || core_.wake_drained || core_.wake_work || core_.wake_link) return true;
  return of_ == Of::bridge && (!core_.log_line.empty() || outlook(core_) != core_.reported);
}

void Turn::pause() {
  std::vector<Doomed> doomed = std::exchange(core_.doomed, {});
  bool changed = false;
  std::string line;
  if (of_ == Of::bridge) {
    const Outlook now = outlook(core_);
    changed = now != core_.reported;
    core_.reported = now;
    line = std::exchange(core_.log_line, "");
  }
  const bool room = std::exchange(core_.wake_room, false), arrived = std::exchange(core_.wake_arrived, false),
             drained = std::exchange(core_.wake_drained, false), work = std::exchange(core_.wake_work, false),
             link = std::exchange(core_.wake_link, false);
  lock_.unlock();
  if (room) core_.room.notify_all();
  if (arrived) core_.arrived.notify_all();
  if (drained) core_.drained.notify_all();
  if (work) core_.work.notify_one();
  if (link) core_.link.notify_one();
  for (Doomed& each : doomed) {
    if (each.last_words) (void)write_rest(*each.channel, *each.last_words, true, kLastWords_s);
    each.channel->close();
  }
  if (!line.empty() && core_.options.log) core_.options.log(line);
  if (changed && core_.on_change) core_.on_change();
}

void Turn::resume() { lock_.lock(); }

void Turn::wait(std::condition_variable& condition, double until_s) {
  if (owes()) {
    pause();
    resume();
    return;
  }
  if (until_s == kNever) {
    condition.wait(lock_);
    return;
  }
  const std::chrono::duration<double> until(until_s);
  condition.wait_until(lock_, std::chrono::steady_clock::time_point(
                                  std::chrono::duration_cast<std::chrono::steady_clock::duration>(until)));
}

bool peek(BridgeCore& core, double now) {
  if (!core.front) core.front = core.session.take(now);
  return core.front.has_value();
}

bool is_at_end(BridgeCore& core) {
  const std::optional<std::uint64_t> end = core.session.received_end();
  return end && core.session.received_next() >= *end && !peek(core, now_s());
}

bool fetch(BridgeCore& core, double now) {
  if (core.writing || !core.channel) return false;
  if (core.ready) return true;
  const bool paced = core.options.pace.bandwidth_bps > 0 || core.options.pace.latency_s > 0;
  Writing writing;
  writing.bytes = std::exchange(core.spare, {});
  writing.bytes.clear();
  writing.progress_s = now;
  bool more = true;
  while (more) {
    std::optional<Outgoing> message = core.session.next_output(now);
    if (!message) break;
    if (paced && !overtakes(message->header.type)) put_on_link(core, std::move(*message), now);
    else more = add(writing, std::move(*message));
  }
  while (more && !core.delayed.empty() && core.delayed.front().due_s <= now) {
    more = add(writing, std::move(core.delayed.front().message));
    core.delayed.pop_front();
  }
  if (writing.bytes.empty()) core.spare = std::move(writing.bytes);
  else core.ready = std::move(writing);
  return core.ready.has_value();
}

void write_ready(BridgeCore& core, Turn& turn, double timeout_s) {
  Writing writing = std::move(*core.ready);
  core.ready.reset();
  core.writing = true;
  const std::shared_ptr<Channel> channel = core.channel;
  const std::int64_t connection = core.connection, begun_bytes = writing.done_bytes;
  const bool is_tls = core.is_tls;
  turn.pause();
  const double start = now_s();
  const IoResult result = write_rest(*channel, writing, is_tls, is_tls ? core.options.session.dead_s : timeout_s);
  const double busy_s = now_s() - start;
  turn.resume();
  core.writing = false;
  if (writing.is_data && core.options.pace.bandwidth_bps <= 0) core.busy_s += busy_s;
  if (connection == core.connection && core.channel) note_progress(core, std::move(writing), begun_bytes, result);
}

void write_small(BridgeCore& core, Turn& turn) {
  for (int i = 0; i < kSmallWrites && !core.is_tls && fetch(core, now_s()); ++i) {
    if (core.ready->done_bytes > 0 || core.ready->size_bytes() > kSmallBytes) break;
    write_ready(core, turn, kSmallTimeout_s);
  }
  wake_writer(core);
}

void wake_writer(BridgeCore& core) {
  const double now = now_s();
  if (fetch(core, now) || (!core.delayed.empty() && core.delayed.front().due_s < core.writer_until_s))
    core.wake_work = true;
}

void expect_ack(BridgeCore& core, double now) {
  if (core.ack_at_s == kNever) core.ack_at_s = now + core.options.session.ack_s;
  if (core.writer_until_s > core.ack_at_s) core.wake_work = true;
}

void note_peer(BridgeCore& core) {
  const std::int64_t changes = core.session.peer_changes();
  if (changes != core.peer_changes && core.options.session.reset_on_new_peer) core.front.reset();
  core.peer_changes = changes;
}

void forward_commit(BridgeCore& core) {
  if (core.commits == 0) return;
  core.commits = core.received_bytes = 0;
  core.session.commit(core.commit_to, now_s());
  if (core.front && core.front->seq < core.session.received_committed()) core.front.reset();
}

void wake_users(BridgeCore& core) {
  const bool over = core.stopping || core.failed;
  if (over || core.receive_wait.waiting > 0) core.wake_arrived = true;
  if (over || core.session.can_send()) core.wake_room = true;
  if (over || core.session.is_drained()) core.wake_drained = true;
}

void obey(BridgeCore& core, Verdict verdict) {
  if (verdict == Verdict::keep) return;
  const std::string why = core.session.why();
  const bool begun = core.ready && core.ready->done_bytes > 0;
  if (verdict == Verdict::give_up) core.failed = true;
  Writing last_words;
  while (std::optional<Outgoing> message = core.session.next_output(now_s())) add(last_words, std::move(*message));
  lose(core, why.empty() ? "the connection was closed" : why);
  // In the midst of another message nothing can be said.
  if (!core.doomed.empty() && !core.writing && !begun) core.doomed.back().last_words = std::move(last_words);
  if (core.failed) wake_users(core);
}

void adopt(BridgeCore& core, std::shared_ptr<Channel> channel) {
  if (core.channel) core.doomed.push_back({std::move(core.channel), {}});
  core.channel = std::move(channel);
  core.is_tls = core.options.tls.used() || !core.channel->peer_name().empty();
  ++core.connection;
  core.ready.reset();
  core.delayed.clear();
  core.next_tick_s = core.ack_at_s = kNever;
  core.wake_work = true;
  core.wake_link = true;
}

void lose(BridgeCore& core, const std::string& why) {
  core.fault = why;
  if (!core.channel) return;
  core.session.on_disconnected(now_s());
  core.doomed.push_back({std::move(core.channel), {}});
  core.channel = nullptr;
  core.ready.reset();
  core.delayed.clear();
  core.wake_work = true;
  core.wake_link = true;
}

}  // namespace cleave
