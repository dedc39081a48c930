// The door of a process. Strangers come to it, so everything that a connection can cost before its HELLO is bounded:
// few threads read HELLOs, few connections wait for one, none of them for long, an address that fails often is shut
// out for a second, and file descriptors are left for those who are in already. Threads for HELLOs are made when they
// are needed and end when they have been idle for a while, so that a quiet worker stays small.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "engine/runtime/bridge.h"
#include "engine/runtime/handshake.h"
#include "ops/core/error.h"
#include "ops/core/file.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kWaiting = 32;     // connections, for a thread to read their HELLO
constexpr std::size_t kAddresses = 256;  // whose failures are counted
constexpr double kAcceptSlice_s = 1;
constexpr std::chrono::milliseconds kPause(50);  // when there are too many files
constexpr std::chrono::milliseconds kFloodPause(2);
constexpr std::chrono::minutes kLogAgain(1);  // the same address
constexpr std::chrono::seconds kIdle(1);      // after which a thread ends

// The lowest free descriptor: as many are in use at least. No system call for the number itself is as cheap.
std::int64_t lowest_free_file() {
  const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::numeric_limits<std::int64_t>::max();
  ::close(file);
  return file;
}

bool has_files(double share) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return true;
  return static_cast<double>(lowest_free_file()) < share * static_cast<double>(limit.rlim_cur);
}

// "tcp://192.168.1.7:41234" -> "tcp://192.168.1.7": ports change with each connection.
std::string host_of(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  return address.starts_with("tcp") && colon != std::string::npos ? address.substr(0, colon) : address;
}

// How often an address failed in the current second, and when that was logged last.
struct Failures {
  Clock::time_point since, logged;
  int count = 0;
};

struct Entry {
  Bridge* bridge = nullptr;
  int attaching = 0;
};

struct Helper {
  std::thread thread;
  bool done = false;
};

}  // namespace

struct Acceptor::State {
  Listener listener;
  bool tls = false;
  AcceptLimits limits;
  std::function<void(const std::string&)> log;
  std::thread thread;

  std::mutex mutex;  // of all below
  std::condition_variable waiting_changed, attached, stop_changed;
  bool stopping = false;
  std::map<std::uint64_t, Entry> entries;
  std::deque<std::unique_ptr<Channel>> waiting;
  std::vector<Channel*> reading;  // their HELLO
  std::list<Helper> helpers;
  int idle_helpers = 0;
  std::map<std::string, Failures> failures;
  std::int64_t refused = 0;
  std::map<std::uint64_t, std::function<void(Channel&, const Greeting&)>> answers;  // by edge
  int answering = 0;

  bool is_shut_out(const std::string& host);
  void fail(const std::string& host, const std::string& fault);
  void refuse(Channel& channel, std::uint64_t edge, const Refusal& refusal);
  void greet(std::unique_ptr<Channel> channel);
  void introduce(std::unique_ptr<Channel> channel, const Hello& hello);
  bool answer(Channel& channel, const Hello& hello);
  void help(Helper& self);
  bool take_in(std::unique_ptr<Channel> channel);
  void run();
};

// With the mutex.
bool Acceptor::State::is_shut_out(const std::string& host) {
  const auto found = failures.find(host);
  if (found == failures.end()) return false;
  Failures& of_host = found->second;
  if (Clock::now() - of_host.since >= std::chrono::seconds(1)) of_host.count = 0;
  return of_host.count >= limits.failures_per_s;
}

void Acceptor::State::fail(const std::string& host, const std::string& fault) {
  const Clock::time_point now = Clock::now();
  bool is_news = false;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    ++refused;
    if (failures.size() >= kAddresses && !failures.contains(host)) failures.clear();
    (void)is_shut_out(host);  // may begin a new second
    Failures& of_host = failures[host];
    if (of_host.count++ == 0) of_host.since = now;
    is_news = of_host.logged == Clock::time_point{} || now - of_host.logged > kLogAgain;
    if (is_news) of_host.logged = now;
  }
  if (is_news && log) log(fmt::format("{}: closed a connection from {}: {}", listener.address.text(), host, fault));
}

void Acceptor::State::refuse(Channel& channel, std::uint64_t edge, const Refusal& refusal) {
  write_refusal(channel, edge, refusal);
  const std::lock_guard<std::mutex> lock(mutex);
  ++refused;
}

// Reads the HELLO of a connection and passes it on.
void Acceptor::State::greet(std::unique_ptr<Channel> channel) {
  const std::string host = host_of(channel->peer_address());
  {
    const std::lock_guard<std::mutex> lock(mutex);
    if (stopping) return;
    reading.push_back(channel.get());
  }
  const auto hurry = [this] {
    const std::lock_guard<std::mutex> lock(mutex);
    return stopping || !waiting.empty();
  };
  std::string fault;
  const std::optional<Hello> hello = read_hello(*channel, limits.handshake_s, hurry, fault);
  {
    const std::lock_guard<std::mutex> lock(mutex);
    std::erase(reading, channel.get());
    if (stopping) return;
  }
  if (hello) introduce(std::move(channel), *hello);
  else fail(host, fault);
}

void Acceptor::State::introduce(std::unique_ptr<Channel> channel, const Hello& hello) {
  const std::string& device = hello.greeting.device;
  const std::string name = channel->peer_name();
  if (tls && name != device) {
    refuse(*channel, hello.edge,
           {RefuseCode::device,
            fmt::format("you say that you are '{}', your certificate says '{}'", printable(device), printable(name))});
    return;
  }
  if (answer(*channel, hello)) return;
  Bridge* bridge = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto found = entries.find(hello.edge);
    if (found != entries.end()) bridge = found->second.bridge;
    if (bridge != nullptr) ++found->second.attaching;
  }
  if (bridge == nullptr) {
    refuse(*channel, hello.edge, {RefuseCode::unknown_edge, "there is no such edge here (yet): deploy the plan again"});
    return;
  }
  bridge->attach(std::move(channel), hello.greeting);
  const std::lock_guard<std::mutex> lock(mutex);
  --entries.at(hello.edge).attaching;
  attached.notify_all();
}

// Whether it was a question, which is answered then.
bool Acceptor::State::answer(Channel& channel, const Hello& hello) {
  constexpr int kMostAtOnce = 2;
  const std::function<void(Channel&, const Greeting&)>* handler = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto found = answers.find(hello.edge);
    if (found == answers.end()) return false;
    if (answering < kMostAtOnce) handler = &found->second;
    if (handler != nullptr) reading.push_back(&channel), ++answering;
  }
  if (handler == nullptr) {
    refuse(channel, hello.edge, {RefuseCode::busy, "others are asking just now; try again"});
    return true;
  }
  (*handler)(channel, hello.greeting);
  const std::lock_guard<std::mutex> lock(mutex);
  std::erase(reading, &channel);
  --answering;
  return true;
}

void Acceptor::State::help(Helper& self) {
  std::unique_lock<std::mutex> lock(mutex);
  while (!stopping) {
    ++idle_helpers;
    const bool woken = waiting_changed.wait_for(lock, kIdle, [&] { return stopping || !waiting.empty(); });
    --idle_helpers;
    if (!woken || stopping) break;
    std::unique_ptr<Channel> channel = std::move(waiting.front());
    waiting.pop_front();
    lock.unlock();
    greet(std::move(channel));
    lock.lock();
  }
  self.done = true;
}

// Queues a connection for the helpers, if there is room. False when it was closed.
bool Acceptor::State::take_in(std::unique_ptr<Channel> channel) {
  const std::string host = host_of(channel->peer_address());
  const std::lock_guard<std::mutex> lock(mutex);
  for (auto helper = helpers.begin(); helper != helpers.end();) {
    if (helper->done) helper->thread.join();
    helper = helper->done ? helpers.erase(helper) : std::next(helper);
  }
  if (is_shut_out(host) || waiting.size() >= kWaiting) {
    ++refused;
    return false;  // the channel closes as it goes
  }
  waiting.push_back(std::move(channel));
  if (idle_helpers < static_cast<int>(waiting.size()) && static_cast<int>(helpers.size()) < limits.handshakes) {
    Helper& helper = helpers.emplace_back();
    helper.thread = std::thread([this, &helper] { help(helper); });
  }
  waiting_changed.notify_one();
  return true;
}

void Acceptor::State::run() {
  while (true) {
    {
      std::unique_lock<std::mutex> lock(mutex);
      while (!stopping && !has_files(limits.file_share)) stop_changed.wait_for(lock, kPause);
      if (stopping) return;
    }
    std::unique_ptr<Channel> channel = listener.accept(kAcceptSlice_s);
    if (!channel || take_in(std::move(channel))) continue;
    // A flood. The system turns it away more cheaply than we do, once its queue is full.
    std::unique_lock<std::mutex> lock(mutex);
    stop_changed.wait_for(lock, kFloodPause, [&] { return stopping; });
  }
}

Acceptor::Acceptor(const Address& address, const TlsFiles& tls, const AcceptLimits& limits,
                   std::function<void(const std::string&)> log)
    : state_(std::make_unique<State>()) {
  state_->listener = listen_on(address, tls);
  state_->tls = tls.used();
  state_->limits = limits;
  state_->log = std::move(log);
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Acceptor::~Acceptor() { stop(); }

Address Acceptor::address() const { return state_->listener.address; }

void Acceptor::add(Bridge& bridge) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->entries[bridge.session_options().edge].bridge = &bridge;
}

void Acceptor::remove(Bridge& bridge) {
  std::unique_lock<std::mutex> lock(state_->mutex);
  const std::uint64_t edge = bridge.session_options().edge;
  const auto found = state_->entries.find(edge);
  if (found == state_->entries.end() || found->second.bridge != &bridge) return;
  found->second.bridge = nullptr;
  state_->attached.wait(lock, [&] { return found->second.attaching == 0; });
  state_->entries.erase(found);
}

void Acceptor::answer(std::uint64_t edge, std::function<void(Channel&, const Greeting&)> handler) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->answers[edge] = std::move(handler);
}

std::int64_t Acceptor::refused() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->refused;
}

void Acceptor::stop() {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->stopping = true;
    for (Channel* channel : state_->reading) channel->close();
    state_->waiting_changed.notify_all();
    state_->stop_changed.notify_all();
  }
  state_->listener.close();
  if (state_->thread.joinable()) state_->thread.join();
  for (Helper& helper : state_->helpers) helper.thread.join();
  state_->helpers.clear();
  state_->waiting.clear();  // nobody will hear those: they are hung up on now, not when the acceptor goes
}

}  // namespace cleave
