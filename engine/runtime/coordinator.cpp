// One thread serves all control sessions in turn. It sends a worker its work when the session comes up with a process
// it has not seen (the control session tells by the boot id), and notes what the worker says. Everything else is left
// to the callbacks.
#include "engine/runtime/coordinator.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/runtime/worker.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A worker, as the coordinator sees it.
struct Member {
  std::unique_ptr<Bridge> bridge;
  std::unique_ptr<ControlLink> link;
  MemberState state = MemberState::lost;
  std::int64_t peer_changes = 0;
  std::uint64_t incarnation = 0;
  bool was_up = false;
  Clock::time_point seen = Clock::now();
  std::vector<ControlMessage> to_send;  // by the coordinator's thread, in order
};

}  // namespace

const char* to_text(MemberState state) {
  constexpr const char* kNames[] = {"lost", "assigned", "ready", "done"};
  return kNames[static_cast<std::size_t>(state)];
}

struct Coordinator::State {
  explicit State(CoordinatorOptions coordinator_options);

  void serve();
  void serve_member(int number);
  void assign(int number, const char* why);
  void hear(int number, const ControlMessage& message);
  void fail(std::exception_ptr thrown);
  std::string missing() const;
  template <class Done>
  bool wait(double timeout_s, const std::atomic<bool>* stop, const Done& done);
  bool all(MemberState state) const;

  const CoordinatorOptions options;
  const std::uint64_t boot_id = random_id();
  mutable std::mutex gate;  // of all below
  std::condition_variable changed;
  std::vector<Member> members;
  std::exception_ptr error;
  std::atomic<bool> stopped = false;
  std::atomic<bool> woken = false;
  std::thread thread;
};

Coordinator::State::State(CoordinatorOptions coordinator_options) : options(std::move(coordinator_options)) {
  for (const SwarmMember& member : options.members) {
    BridgeOptions bridge;
    bridge.session = control_session(kCoordinator, member.device, boot_id);
    bridge.session.dead_s = options.dead_s;
    bridge.name = member.device;
    bridge.dial = member.address;
    bridge.tls = options.tls;
    bridge.log = options.link_log;
    Member added;
    added.bridge = std::make_unique<Bridge>(std::move(bridge));
    added.link = std::make_unique<ControlLink>(*added.bridge);
    members.push_back(std::move(added));
  }
  for (Member& member : members) {
    member.bridge->on_change([this] {
      woken = true;
      changed.notify_all();
    });
    member.bridge->start();
  }
}

void Coordinator::State::fail(std::exception_ptr thrown) {
  {
    const std::lock_guard lock(gate);
    if (error != nullptr) return;
    error = std::move(thrown);
  }
  changed.notify_all();
  if (options.failed) options.failed();
}

void Coordinator::State::serve() {
  constexpr std::chrono::milliseconds kLook{50};
  Clock::time_point looked = Clock::now() - kLook;
  while (!stopped) {
    try {
      woken = false;
      for (int i = 0; i < static_cast<int>(members.size()); ++i) serve_member(i);
      if (Clock::now() - looked >= kLook) {
        looked = Clock::now();
        if (options.look) options.look();
      }
    } catch (...) {
      fail(std::current_exception());
    }
    std::unique_lock lock(gate);
    changed.wait_for(lock, kLook, [this] { return woken || stopped; });
  }
}

void Coordinator::State::serve_member(int number) {
  Member& member = members[static_cast<std::size_t>(number)];
  const BridgeStatus status = member.bridge->status();
  const bool up = status.state == LinkState::up;
  if (status.failed) throw RunError(fmt::format("{}: {}", member.bridge->name(), status.why), ExitCode::unreachable);
  if (!up && member.was_up) {
    options.log(fmt::format("{}: lost ({}); waiting for it to come back", member.bridge->name(), status.why));
    member.was_up = false;
  }
  if (up && (!member.was_up || status.peer_changes != member.peer_changes)) {
    const bool is_new = member.incarnation == 0 || status.peer_changes != member.peer_changes;
    if (!is_new) options.log(fmt::format("{}: back after {:.1f} s", member.bridge->name(), seconds_since(member.seen)));
    member.peer_changes = status.peer_changes;
    member.was_up = true;
    if (is_new) {
      assign(number, "a new process");
    } else {
      const std::lock_guard lock(gate);
      member.to_send.push_back(control_message(ControlKind::still, std::to_string(member.incarnation)));
    }
  }
  if (up) member.seen = Clock::now();
  while (const std::optional<ControlMessage> message = member.link->receive(0)) hear(number, *message);
  if (!up) return;
  std::vector<ControlMessage> to_send;
  {
    const std::lock_guard lock(gate);
    to_send.swap(member.to_send);
  }
  const auto gone = [&] {
    const BridgeStatus now = member.bridge->status();
    return stopped || now.state != LinkState::up || now.peer_changes != member.peer_changes;
  };
  std::size_t sent = 0;
  while (sent < to_send.size() && member.link->send(to_send[sent].kind, to_send[sent].body, gone)) ++sent;
  if (sent == to_send.size()) return;
  // The link went down. What was not sent whole is sent from its beginning when it is up again.
  const std::lock_guard lock(gate);
  member.to_send.insert(member.to_send.begin(),
                        std::make_move_iterator(to_send.begin() + static_cast<std::ptrdiff_t>(sent)),
                        std::make_move_iterator(to_send.end()));
}

void Coordinator::State::assign(int number, const char* why) {
  Member& member = members[static_cast<std::size_t>(number)];
  std::uint64_t incarnation = 0;
  {
    const std::lock_guard lock(gate);
    incarnation = ++member.incarnation;
    member.state = MemberState::assigned;
    member.to_send.clear();
  }
  if (incarnation > 1) options.log(fmt::format("{}: {}; it is given its stage again", member.bridge->name(), why));
  std::vector<ControlMessage> work = options.work(number, incarnation);
  const std::lock_guard lock(gate);
  for (ControlMessage& message : work) member.to_send.push_back(std::move(message));
}

void Coordinator::State::hear(int number, const ControlMessage& message) {
  Member& member = members[static_cast<std::size_t>(number)];
  if (message.kind == ControlKind::failed) throw RunError(fmt::format("{}: {}", member.bridge->name(), message.text()));
  if (message.kind == ControlKind::lacks) {
    if (message.text() == std::to_string(member.incarnation)) assign(number, "it has dropped our work meanwhile");
    return;
  }
  if (options.told) options.told(number, message);
  {
    const std::lock_guard lock(gate);
    if (message.kind == ControlKind::ready) member.state = MemberState::ready;
    if (message.kind == ControlKind::done) member.state = MemberState::done;
  }
  changed.notify_all();
}

bool Coordinator::State::all(MemberState state) const {
  for (const Member& member : members)
    if (member.state < state) return false;
  return true;
}

// Who is not there, and why.
std::string Coordinator::State::missing() const {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Member& member = members[i];
    if (member.state >= MemberState::ready) continue;
    const BridgeStatus status = member.bridge->status();
    const std::string why = status.state == LinkState::up ? "connected, but its stage is not ready"
                            : status.why.empty()          ? "no answer"
                                                          : status.why;
    lines.push_back(fmt::format("{} ({}): {}", member.bridge->name(), options.members[i].address.text(), why));
  }
  return fmt::format("{}", fmt::join(lines, "; "));
}

template <class Done>
bool Coordinator::State::wait(double timeout_s, const std::atomic<bool>* stop, const Done& done) {
  constexpr std::chrono::milliseconds kLook{50};
  const Clock::time_point start = Clock::now();
  std::unique_lock lock(gate);
  while (!done()) {
    if (error != nullptr) std::rethrow_exception(error);
    if (stop != nullptr && *stop) throw Interrupted("stopped before the swarm was ready");
    if (timeout_s >= 0 && seconds_since(start) > timeout_s) return false;
    changed.wait_for(lock, kLook);
  }
  return true;
}

Coordinator::Coordinator(CoordinatorOptions options) : state_(std::make_unique<State>(std::move(options))) {}

Coordinator::~Coordinator() {
  constexpr double kReleaseS = 0.5;  // to say good-bye
  state_->stopped = true;
  state_->changed.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
  const Clock::time_point start = Clock::now();
  for (Member& member : state_->members)
    if (member.bridge->status().state == LinkState::up)
      member.link->send(ControlKind::release, "", [&] { return seconds_since(start) > kReleaseS; });
  // Nobody answers; the bytes are on their way once the session has nothing more to keep.
  for (Member& member : state_->members)
    while (member.bridge->status().state == LinkState::up && member.bridge->status().held_bytes > 0 &&
           seconds_since(start) < kReleaseS)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
  for (Member& member : state_->members) member.bridge->stop();
}

void Coordinator::wait_ready(const std::atomic<bool>& stop) {
  if (!state_->thread.joinable()) state_->thread = std::thread([this] { state_->serve(); });
  const bool ready = state_->wait(state_->options.connect_s, &stop, [&] { return state_->all(MemberState::ready); });
  if (ready) return;
  throw RunError(
      fmt::format("not every worker is there after {:.0f} s: {}\n`cleave devices doctor` says which step fails",
                  state_->options.connect_s, state_->missing()),
      ExitCode::unreachable);
}

bool Coordinator::wait_done(double timeout_s) {
  return state_->wait(timeout_s, nullptr, [&] { return state_->all(MemberState::done); });
}

void Coordinator::check() const {
  const std::lock_guard lock(state_->gate);
  if (state_->error != nullptr) std::rethrow_exception(state_->error);
}

void Coordinator::send(int member, ControlMessage message) {
  {
    const std::lock_guard lock(state_->gate);
    state_->members[static_cast<std::size_t>(member)].to_send.push_back(std::move(message));
    state_->woken = true;
  }
  state_->changed.notify_all();
}

void Coordinator::broadcast(ControlKind kind, const std::string& text) {
  {
    const std::lock_guard lock(state_->gate);
    for (Member& member : state_->members) member.to_send.push_back(control_message(kind, text));
    state_->woken = true;
  }
  state_->changed.notify_all();
}

std::vector<MemberStatus> Coordinator::status() const {
  std::vector<MemberStatus> list;
  const std::lock_guard lock(state_->gate);
  for (const Member& member : state_->members) {
    const BridgeStatus bridge = member.bridge->status();
    const bool up = bridge.state == LinkState::up;
    list.push_back(
        {up ? member.state : MemberState::lost, up ? 0.0 : seconds_since(member.seen), member.incarnation, bridge.why});
  }
  return list;
}

const std::vector<SwarmMember>& Coordinator::members() const { return state_->options.members; }

}  // namespace cleave
