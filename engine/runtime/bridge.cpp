// What a bridge offers to its user: each call is one turn at the core (bridge_core.h) and what follows from it.
#include "engine/runtime/bridge.h"

#include <algorithm>
#include <utility>

#include "engine/runtime/bridge_core.h"
#include "engine/runtime/handshake.h"

namespace cleave {
namespace {

constexpr double kLastWords_s = 0.25;
constexpr std::int64_t kCommitBytes = std::int64_t{256}
                                      << 10;  // received, after which the peer is told what is committed

}  // namespace

Bridge::Bridge(BridgeOptions options) : core_(std::make_unique<BridgeCore>(std::move(options))) {}

Bridge::~Bridge() { stop(); }

void Bridge::start_at(std::uint64_t first) {
  const std::lock_guard<std::mutex> lock(core_->mutex);
  core_->session.start_at(first);
}

void Bridge::expect_from(std::uint64_t next) {
  const std::lock_guard<std::mutex> lock(core_->mutex);
  core_->session.expect_from(next);
}

void Bridge::on_change(std::function<void()> call) { core_->on_change = std::move(call); }

void Bridge::start() {
  core_->link_thread = std::thread([core = core_.get()] { run_link(*core); });
  core_->writer_thread = std::thread([core = core_.get()] { run_writer(*core); });
}

void Bridge::stop() {
  const std::lock_guard<std::mutex> stop_lock(core_->stop_mutex);
  {
    Turn turn(*core_, Turn::Of::user);
    core_->stopping = true;
    wake_users(*core_);
    core_->wake_work = true;
    core_->wake_link = true;
  }
  {
    // The writer says the last words, if the peer listens.
    Turn turn(*core_, Turn::Of::user);
    const double until = now_s() + kLastWords_s;
    while (core_->writer_thread.joinable() && !core_->writer_ended && now_s() < until) turn.wait(core_->ended, until);
    lose(*core_, core_->fault);
  }
  if (core_->writer_thread.joinable()) core_->writer_thread.join();
  if (core_->link_thread.joinable()) core_->link_thread.join();
}

bool Bridge::send(WireFrame frame) {
  BridgeCore& core = *core_;
  Turn turn(core, Turn::Of::user);
  core.send_wait.begin(now_s());
  bool sent = false;
  while (!core.stopping && !core.failed && !(sent = core.session.send(frame, now_s()))) turn.wait(core.room, kNever);
  core.send_wait.end(now_s());
  core.reported.room = core.session.can_send();
  if (sent) write_small(core, turn);
  return sent;
}

bool Bridge::try_send(WireFrame frame) {
  BridgeCore& core = *core_;
  Turn turn(core, Turn::Of::user);
  const bool sent = !core.stopping && !core.failed && core.session.send(std::move(frame), now_s());
  core.reported.room = core.session.can_send();
  if (sent) write_small(core, turn);
  return sent;
}

void Bridge::end_at(std::uint64_t end) {
  Turn turn(*core_, Turn::Of::user);
  core_->session.end_at(end);
  write_small(*core_, turn);
}

bool Bridge::wait_drained(double timeout_s) {
  BridgeCore& core = *core_;
  Turn turn(core, Turn::Of::user);
  const double until = now_s() + timeout_s;
  while (!core.stopping && !core.failed && !core.session.is_drained() && now_s() < until)
    turn.wait(core.drained, until);
  return core.session.is_drained();
}

std::uint64_t Bridge::sent_committed() const {
  const std::lock_guard<std::mutex> lock(core_->mutex);
  return core_->session.sent_committed();
}

std::optional<WireFrame> Bridge::receive(double timeout_s) {
  BridgeCore& core = *core_;
  Turn turn(core, Turn::Of::user);
  const double begin = now_s();
  const double until = timeout_s < 0 ? kNever : begin + timeout_s;
  core.receive_wait.begin(begin);
  while (!core.stopping && !peek(core, now_s()) && !core.failed && !cleave::is_at_end(core) && now_s() < until)
    turn.wait(core.arrived, until);
  const double now = now_s();
  core.receive_wait.end(now);
  if (core.stopping || !core.front) return std::nullopt;
  std::optional<WireFrame> frame = std::exchange(core.front, std::nullopt);
  if (frame->payload) core.received_bytes += frame->payload->size();
  expect_ack(core, now);
  write_small(core, turn);
  return frame;
}

bool Bridge::has_frame() const {
  const std::lock_guard<std::mutex> lock(core_->mutex);
  return !core_->stopping && peek(*core_, now_s());
}

bool Bridge::is_at_end() const {
  const std::lock_guard<std::mutex> lock(core_->mutex);
  return cleave::is_at_end(*core_);
}

void Bridge::commit(std::uint64_t seq) {
  BridgeCore& core = *core_;
  Turn turn(core, Turn::Of::user);
  core.commit_to = std::max(core.commit_to, seq);
  ++core.commits;
  expect_ack(core, now_s());
  // The other end waits for the last one, and keeps the memory of all.
  const bool is_much = core.commits >= core.options.session.ack_frames || core.received_bytes >= kCommitBytes;
  if (!is_much && !core.session.received_end()) return;
  forward_commit(core);
  write_small(core, turn);
}

std::uint64_t Bridge::received_committed() const {
  const std::lock_guard<std::mutex> lock(core_->mutex);
  return std::max(core_->session.received_committed(), core_->commits > 0 ? core_->commit_to : 0);
}

BridgeStatus Bridge::status() const {
  const BridgeCore& core = *core_;
  const std::lock_guard<std::mutex> lock(core.mutex);
  const double now = now_s();
  return {.state = core.session.state(),
          .why = core.fault,
          .failed = core.failed,
          .counts = core.session.counts(),
          .held_bytes = core.session.held_bytes(),
          .silent_s = core.session.silent_s(now),
          .send_wait_s = core.send_wait.total_s(now),
          .receive_wait_s = core.receive_wait.total_s(now),
          .busy_s = core.busy_s,
          .connects = core.session.counts().connects,
          .peer_changes = core.session.peer_changes()};
}

const std::string& Bridge::name() const { return core_->options.name; }

const SessionOptions& Bridge::session_options() const { return core_->options.session; }

void Bridge::attach(std::unique_ptr<Channel> channel, const Greeting& hello) {
  BridgeCore& core = *core_;
  std::optional<Refusal> refusal;
  {
    Turn turn(core, Turn::Of::user);
    if (core.stopping) return;
    forward_commit(core);
    if (core.session.on_hello(hello, now_s(), refusal) == Verdict::keep) {
      note_peer(core);
      adopt(core, std::move(channel));
      wake_users(core);
      return;
    }
  }
  if (refusal) write_refusal(*channel, core.options.session.edge, *refusal);
}

}  // namespace cleave
