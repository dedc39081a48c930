// NNG's byte streams (version 1.5.2) as channels. What its source makes necessary here:
//
// - A transfer that is started on a stream already closed may never end. So starting and closing exclude each other;
//   closing ends what was started before.
// - When the other end hangs up without having read all it was sent, a read that waits ends at once, even if bytes have
//   arrived before. The stream can still be read then, so a read that ends so is tried once more.
// - A transfer's timeout may hit its successor on the same aio. So a timeout counts only once our clock agrees.
// - A dial over TCP may report success while the connection is still under way. So it ends with writing nothing: that
//   waits for the connection.
// - A timeout may still be at work on a stream when the transfer has ended: freeing the aio waits for it. So an aio is
//   freed before the stream it was used on.
// - An aio moves bytes once and then ends, so one that ended by a timeout has moved none: nothing is lost.
// - Freeing a stream happens later, on a thread of NNG's, which closes the descriptor.
#include "engine/net/nng_channel.h"

#include <arpa/inet.h>
#include <nng/nng.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>

#include <fmt/format.h>

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

// A point in time, or never.
struct Deadline {
  explicit Deadline(double timeout_s) {
    constexpr double kLongest_s = 1e8;  // three years; more would overflow the clock
    if (timeout_s >= 0 && timeout_s < kLongest_s)
      at = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout_s));
  }

  bool passed() const { return at && Clock::now() >= *at; }

  // For one aio: a day for never. Not 0, which NNG handles badly.
  nng_duration milliseconds() const {
    constexpr double kDay_ms = 86400e3;
    if (!at) return static_cast<nng_duration>(kDay_ms);
    const double left = std::chrono::duration<double, std::milli>(*at - Clock::now()).count();
    return static_cast<nng_duration>(std::clamp(std::ceil(left), 1.0, kDay_ms));
  }

  std::optional<Clock::time_point> at;
};

struct AioFree {
  void operator()(nng_aio* aio) const { nng_aio_free(aio); }
};
using Aio = std::unique_ptr<nng_aio, AioFree>;

Aio make_aio() {
  nng_aio* aio = nullptr;
  if (nng_aio_alloc(&aio, nullptr, nullptr) != 0) throw std::bad_alloc();
  return Aio(aio);
}

std::string to_text(const nng_sockaddr& peer) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (peer.s_family == NNG_AF_INET) {
    ::inet_ntop(AF_INET, &peer.s_in.sa_addr, text.data(), text.size());
    return Address{"tcp", text.data(), ntohs(peer.s_in.sa_port)}.text();
  }
  if (peer.s_family == NNG_AF_INET6) {
    ::inet_ntop(AF_INET6, &peer.s_in6.sa_addr, text.data(), text.size());
    return Address{"tcp", text.data(), ntohs(peer.s_in6.sa_port)}.text();
  }
  return fmt::format("ipc://{}", peer.s_family == NNG_AF_IPC ? peer.s_ipc.sa_path : "");
}

IoResult failure(int error) {
  const bool gone = error == NNG_ECLOSED || error == NNG_ECONNSHUT || error == NNG_ECONNRESET ||
                    error == NNG_ECONNABORTED || error == NNG_ECANCELED;
  return gone ? IoResult{IoStatus::closed, 0, ""} : IoResult{IoStatus::failed, 0, nng_strerror(error)};
}

class NngChannel final : public Channel {
 public:
  // Takes over the stream.
  explicit NngChannel(nng_stream* stream) : stream_(stream), read_aio_(make_aio()), write_aio_(make_aio()) {}

  ~NngChannel() override {
    NngChannel::close();
    const std::scoped_lock no_transfer(reading_, writing_);
    read_aio_.reset();
    write_aio_.reset();
    nng_stream_free(stream_);
  }

  NngChannel(const NngChannel&) = delete;
  NngChannel& operator=(const NngChannel&) = delete;

  IoResult read(std::span<std::byte> into, double timeout_s) override {
    const Deadline deadline(timeout_s);
    const std::lock_guard lock(reading_);
    if (into.empty()) return {};
    const nng_iov iov{into.data(), into.size()};
    nng_aio_set_iov(read_aio_.get(), 1, &iov);
    int error = transfer(nng_stream_recv, read_aio_.get(), deadline);
    if (error == NNG_ECONNSHUT) error = transfer(nng_stream_recv, read_aio_.get(), deadline);
    if (error == NNG_ETIMEDOUT) return {IoStatus::timeout, 0, ""};
    if (error != 0) return failure(error);
    return {IoStatus::ok, static_cast<std::int64_t>(nng_aio_count(read_aio_.get())), ""};
  }

  IoResult write(std::span<const std::span<const std::byte>> parts, double timeout_s) override {
    const Deadline deadline(timeout_s);
    const std::lock_guard lock(writing_);
    std::vector<nng_iov> left;  // NNG only reads what it points to
    for (const std::span<const std::byte>& part : parts)
      if (!part.empty()) left.push_back({const_cast<std::byte*>(part.data()), part.size()});
    std::int64_t written = 0;
    for (std::size_t first = 0; first < left.size();) {
      nng_aio_set_iov(write_aio_.get(), static_cast<unsigned>(left.size() - first), left.data() + first);
      const int error = transfer(nng_stream_send, write_aio_.get(), deadline);
      if (error == NNG_ETIMEDOUT) return {IoStatus::timeout, written, ""};
      if (error != 0) return failure(error);
      std::size_t count = nng_aio_count(write_aio_.get());
      written += static_cast<std::int64_t>(count);
      for (; first < left.size() && count >= left[first].iov_len; ++first) count -= left[first].iov_len;
      if (count > 0) {
        left[first].iov_buf = static_cast<std::byte*>(left[first].iov_buf) + count;
        left[first].iov_len -= count;
      }
    }
    return {IoStatus::ok, written, ""};
  }

  void close() override {
    const std::unique_lock lock(open_);
    if (closed_) return;
    closed_ = true;
    nng_stream_close(stream_);
  }

  std::string peer_address() const override { return peer_; }
  bool is_checked() const override { return peer_.starts_with("ipc:"); }

  // False when the peer has gone already. Before the channel is used.
  bool learn_peer() {
    nng_sockaddr peer;
    if (nng_stream_get_addr(stream_, NNG_OPT_REMADDR, &peer) != 0) return false;
    peer_ = to_text(peer);
    return true;
  }

  // Returns once a dialled stream is connected: 0, or why it is not.
  int wait_connected(const Deadline& deadline) {
    const std::lock_guard lock(writing_);
    nng_aio_set_iov(write_aio_.get(), 0, nullptr);
    int error = transfer(nng_stream_send, write_aio_.get(), deadline);
    if (error == NNG_ECONNSHUT) error = transfer(nng_stream_send, write_aio_.get(), deadline);  // that one says why
    return error;
  }

 private:
  int transfer(void (*start)(nng_stream*, nng_aio*), nng_aio* aio, const Deadline& deadline) {
    int error = NNG_ETIMEDOUT;
    do {
      nng_aio_set_timeout(aio, deadline.milliseconds());
      {
        const std::shared_lock lock(open_);
        if (closed_) return NNG_ECLOSED;
        start(stream_, aio);
      }
      nng_aio_wait(aio);
      error = nng_aio_result(aio);
    } while (error == NNG_ETIMEDOUT && !deadline.passed());
    return error;
  }

  nng_stream* const stream_;
  std::string peer_;
  Aio read_aio_, write_aio_;
  std::mutex reading_, writing_;
  std::shared_mutex open_;  // shared to start a transfer, alone to close
  bool closed_ = false;
};

// Another thread may close it while it accepts; the last of both frees it.
struct NngListener {
  nng_stream_listener* listener = nullptr;
  Aio aio = make_aio();
  std::mutex accepting;
  std::shared_mutex open;
  bool closed = false;

  NngListener() = default;
  NngListener(const NngListener&) = delete;
  NngListener& operator=(const NngListener&) = delete;
  ~NngListener() {
    aio.reset();
    if (listener != nullptr) nng_stream_listener_free(listener);
  }

  void close() {
    const std::unique_lock lock(open);
    if (closed) return;
    closed = true;
    nng_stream_listener_close(listener);
  }

  // False when closed.
  bool start() {
    const std::shared_lock lock(open);
    if (!closed) nng_stream_listener_accept(listener, aio.get());
    return !closed;
  }

  std::unique_ptr<Channel> accept(double timeout_s) {
    const Deadline deadline(timeout_s);
    const std::lock_guard lock(accepting);
    do {
      nng_aio_set_timeout(aio.get(), deadline.milliseconds());
      if (!start()) return nullptr;
      nng_aio_wait(aio.get());
      const int error = nng_aio_result(aio.get());
      if (error == 0) {
        auto channel = std::make_unique<NngChannel>(static_cast<nng_stream*>(nng_aio_get_output(aio.get(), 0)));
        if (channel->learn_peer()) return channel;
      } else if (error != NNG_ETIMEDOUT) {  // no descriptor left, say: trying again at once would keep a core busy
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    } while (!deadline.passed());
    return nullptr;
  }
};

struct DialerFree {
  void operator()(nng_stream_dialer* dialer) const { nng_stream_dialer_free(dialer); }
};

// One attempt; `error` is NNG's.
std::unique_ptr<Channel> dial_url(const std::string& url, const Deadline& deadline, int& error) {
  nng_stream_dialer* made = nullptr;
  error = nng_stream_dialer_alloc(&made, url.c_str());
  if (error != 0) return nullptr;
  const std::unique_ptr<nng_stream_dialer, DialerFree> dialer(made);
  nng_stream_dialer_set_bool(made, NNG_OPT_TCP_NODELAY, true);  // says no for Unix sockets, which need it not
  nng_stream_dialer_set_bool(made, NNG_OPT_TCP_KEEPALIVE, true);
  const Aio aio = make_aio();
  nng_aio_set_timeout(aio.get(), deadline.milliseconds());
  nng_stream_dialer_dial(made, aio.get());
  nng_aio_wait(aio.get());
  error = nng_aio_result(aio.get());
  if (error != 0) return nullptr;
  auto channel = std::make_unique<NngChannel>(static_cast<nng_stream*>(nng_aio_get_output(aio.get(), 0)));
  error = channel->wait_connected(deadline);
  if (error == 0 && !channel->learn_peer()) error = NNG_ECONNSHUT;
  if (error != 0) return nullptr;
  return channel;
}

// The URLs to try, in order. A name may mean addresses of both kinds, and most listen on the older one.
std::vector<std::string> urls_of(const Address& address) {
  if (address.transport != "tcp") return {address.text()};
  if (address.host.find(':') != std::string::npos) return {address.text()};
  const std::string host = address.host == "localhost" ? "127.0.0.1" : address.host;  // whatever /etc/hosts says
  const std::string four = fmt::format("tcp4://{}:{}", host, address.port);
  in_addr ignored;
  if (::inet_pton(AF_INET, host.c_str(), &ignored) == 1) return {four};
  return {four, fmt::format("tcp6://{}:{}", host, address.port)};
}

std::string hint_for(int error) {
  switch (error) {
    case NNG_ECONNREFUSED:
    case NNG_ENOENT: return "; is its worker running?";
    case NNG_ETIMEDOUT: return "; is it on, and does a firewall let it through?";
    case NNG_EADDRINVAL: return "; check the name or address";
    default: return "";
  }
}

[[noreturn]] void refuse_listen(const Address& address, int error) {
  const char* hint = error == NNG_EADDRINUSE   ? "; another program listens there: stop it or take another port"
                     : error == NNG_EADDRINVAL ? "; it must be an address of this machine, 0.0.0.0 for all of them"
                     : error == NNG_EPERM      ? "; take a port above 1023, or a folder that you may write to"
                     : error == NNG_ENOENT     ? "; its folder does not exist"
                                               : "";
  throw RunError(fmt::format("cannot listen on {}: {}{}", address.text(), nng_strerror(error), hint));
}

}  // namespace

std::unique_ptr<Channel> nng_dial(const Address& address, double timeout_s) {
  const Deadline deadline(timeout_s);
  int error = 0;
  for (const std::string& url : urls_of(address)) {
    int this_error = 0;
    std::unique_ptr<Channel> channel = dial_url(url, deadline, this_error);
    if (channel != nullptr) return channel;
    if (error == 0) error = this_error;
    if (deadline.passed()) break;
  }
  throw RunError(fmt::format("cannot connect to {}: {}{}", address.text(), nng_strerror(error), hint_for(error)),
                 ExitCode::unreachable);
}

Listener nng_listen(const Address& address) {
  const auto state = std::make_shared<NngListener>();
  Address bound = address;
  int error = nng_stream_listener_alloc(&state->listener, urls_of(address).front().c_str());
  if (error == 0 && address.transport == "tcp") {
    nng_stream_listener_set_bool(state->listener, NNG_OPT_TCP_NODELAY, true);
    nng_stream_listener_set_bool(state->listener, NNG_OPT_TCP_KEEPALIVE, true);
  } else if (error == 0) {
    nng_stream_listener_set_int(state->listener, NNG_OPT_IPC_PERMISSIONS, 0600);
  }
  if (error == 0) error = nng_stream_listener_listen(state->listener);
  if (error == 0 && address.transport == "tcp")
    error = nng_stream_listener_get_int(state->listener, NNG_OPT_TCP_BOUND_PORT, &bound.port);
  if (error != 0) refuse_listen(address, error);
  return {bound, [state](double timeout_s) { return state->accept(timeout_s); }, [state] { state->close(); }};
}

}  // namespace cleave
