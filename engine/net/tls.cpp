// TLS between OpenSSL, which sees only memory, and a channel, which moves the bytes.
//
// OpenSSL's object is not thread safe, so every call to it holds `ssl_lock_`; moving bytes does not, else two ends that
// both write would wait for each other for ever. What OpenSSL wants to send gathers in `outgoing_`, which the writing
// thread swaps for its own buffer and writes in one piece: no copy. What came in is read by OpenSSL from the reading
// thread's buffer by way of `incoming_`, which is empty whenever that thread waits for more.
#include "engine/net/tls.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/net/tls_context.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 128 * 1024;   // asked of the channel at a time
constexpr std::size_t kSealBytes = 128 * 1024;   // sealed, then sent, so that both ends work at the same time
constexpr std::size_t kRecordBytes = 16 * 1024;  // the longest record of TLS
constexpr std::size_t kMostUnsentBytes = std::size_t{1} << 20;  // answers that a peer can make us hold
constexpr double kAlertTimeout_s = 0.2;

double left_until(Clock::time_point end) {
  return std::max(0.0, std::chrono::duration<double>(end - Clock::now()).count());
}

// `timeout_s` from now; a year for never.
Clock::time_point after(double timeout_s) {
  constexpr double kYear_s = 3e7;
  const double wait_s = timeout_s < 0 ? kYear_s : std::min(timeout_s, kYear_s);
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(wait_s));
}

// Of the first bytes, which may be a single one.
bool may_be_tls(std::span<const std::byte> bytes) {
  const std::array<std::byte, 2> first = {bytes[0], bytes.size() > 1 ? bytes[1] : std::byte{3}};
  return looks_like_tls(first);
}

struct MethodFree {
  void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
};

class TlsChannel final : public Channel {
 public:
  TlsChannel(std::unique_ptr<Channel> inner, TlsRole role, TlsOptions options)
      : inner_(std::move(inner)), role_(role), options_(std::move(options)) {
    notes_.expected_name = options_.expected_name;
  }
  ~TlsChannel() override { inner_->close(); }
  TlsChannel(const TlsChannel&) = delete;
  TlsChannel& operator=(const TlsChannel&) = delete;

  IoResult read(std::span<std::byte> into, double timeout_s) override {
    const Clock::time_point end = after(timeout_s);
    if (IoResult ready = shake_hands(end); !ready.ok()) return ready;
    while (!into.empty()) {
      if (IoResult got = open_records(into); got.status != IoStatus::timeout) return got;
      if (IoResult got = fetch(left_until(end)); !got.ok()) return got;
    }
    return {};
  }

  IoResult write(std::span<const std::span<const std::byte>> parts, double timeout_s) override {
    const Clock::time_point end = after(timeout_s);
    if (IoResult ready = shake_hands(end); !ready.ok()) return ready;
    const std::lock_guard lock(writing_);
    if (halfway_) return {IoStatus::failed, 0, "an earlier write was not finished"};
    std::size_t total = 0;
    for (const std::span<const std::byte>& part : parts) total += part.size();
    if (total <= kRecordBytes) return write_short(parts, total, end);
    for (const std::span<const std::byte>& part : parts)
      for (std::size_t at = 0; at < part.size(); at += kSealBytes)
        if (IoResult sent = write_piece(part.subspan(at, std::min(kSealBytes, part.size() - at)), end); !sent.ok())
          return sent;
    return {IoStatus::ok, static_cast<std::int64_t>(total), ""};
  }

  void close() override {
    closing_ = true;
    inner_->close();
  }
  std::string peer_address() const override { return inner_->peer_address(); }
  bool is_checked() const override { return true; }

  std::string peer_name() const override {
    const std::lock_guard lock(phase_lock_);
    return phase_ == Phase::done ? notes_.peer_name : "";
  }

 private:
  enum class Phase : std::uint8_t { idle, running, done, failed };

  // ---- the handshake: done by whoever comes first; all others wait for it

  IoResult shake_hands(Clock::time_point end) {
    std::unique_lock lock(phase_lock_);
    while (phase_ == Phase::running)
      if (phase_changed_.wait_until(lock, end) == std::cv_status::timeout && phase_ == Phase::running)
        return {IoStatus::timeout, 0, ""};
    if (phase_ == Phase::done) return {};
    if (phase_ == Phase::failed) return fault_;
    if (!begun_) handshake_end_ = after(kTlsHandshake_s);
    begun_ = true;
    phase_ = Phase::running;
    lock.unlock();
    IoResult result = handshake(end);
    if (result.status == IoStatus::failed || result.status == IoStatus::closed) inner_->close();
    lock.lock();
    phase_ = result.ok() ? Phase::done : result.status == IoStatus::timeout ? Phase::idle : Phase::failed;
    if (phase_ == Phase::failed) fault_ = result;
    phase_changed_.notify_all();
    return result;
  }

  // Until `end` (timeout: to be gone on with) or handshake_end_ (failed).
  IoResult handshake(Clock::time_point end) {
    if (ssl_ == nullptr) {
      try {
        start();
      } catch (const RunError& error) {
        return {IoStatus::failed, 0, error.what()};
      }
    }
    for (;;) {
      const Step step = next_step();
      const IoResult sent = flush(handshake_end_);
      if (step == Step::refused) return {IoStatus::failed, 0, handshake_fault_};
      if (!sent.ok()) return broken_off(sent);
      if (step == Step::done) return {};
      const double left_s = left_until(std::min(end, handshake_end_));
      IoResult got = fetch(left_s);
      if (got.status == IoStatus::timeout && Clock::now() < handshake_end_) return got;
      if (!got.ok()) return broken_off(got);
      if (!heard_ && !may_be_tls(incoming_)) return refuse_plain();
      heard_ = true;
    }
  }

  void start() {
    ssl_ = make_ssl(options_.files, role_, notes_);
    method_.reset(BIO_meth_new(BIO_TYPE_SOURCE_SINK, "channel"));
    BIO_meth_set_write_ex(method_.get(), take_outgoing);
    BIO_meth_set_read_ex(method_.get(), give_incoming);
    BIO_meth_set_ctrl(method_.get(), [](BIO*, int command, long, void*) -> long { return command == BIO_CTRL_FLUSH; });
    BIO* const bio = BIO_new(method_.get());
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    buffer_ = std::make_unique_for_overwrite<std::byte[]>(kReadBytes);  // pages that no message needs stay unused
  }

  enum class Step : std::uint8_t { wait, done, refused };

  // Goes as far as it gets with what came in. Behind TLS's own handshake stands one byte, see tls.h.
  Step next_step() {
    const std::lock_guard lock(ssl_lock_);
    ERR_clear_error();
    int result = SSL_do_handshake(ssl_.get());
    std::byte welcome{1};
    std::size_t count = 0;
    if (result == 1 && role_ == TlsRole::server) result = SSL_write_ex(ssl_.get(), &welcome, 1, &count);
    else if (result == 1) result = SSL_read_ex(ssl_.get(), &welcome, 1, &count);
    if (result == 1) return Step::done;
    if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return Step::wait;
    handshake_fault_ = handshake_fault(notes_);
    return Step::refused;
  }

  IoResult broken_off(const IoResult& how) const {
    if (closing_) return {IoStatus::closed, 0, ""};
    if (how.status == IoStatus::timeout && !heard_)
      return {IoStatus::failed, 0, "the other end did not begin with TLS within 2 s: " + std::string(kTlsOnOneEndOnly)};
    if (how.status == IoStatus::timeout)
      return {IoStatus::failed, 0, "the other end did not finish the TLS handshake within 2 s"};
    if (how.status == IoStatus::failed) return how;
    if (!heard_ && role_ == TlsRole::client)
      return {IoStatus::failed, 0,
              "the other end hung up instead of beginning with TLS: " + std::string(kTlsOnOneEndOnly)};
    return {IoStatus::failed, 0, "the other end broke the TLS handshake off"};
  }

  IoResult refuse_plain() {
    // An alert (RFC 8446, 6: protocol_version), for a plain end to see what it talks to.
    constexpr std::array<unsigned char, 7> kAlert = {0x15, 3, 3, 0, 2, 2, 70};
    const std::array<std::span<const std::byte>, 1> alert = {std::as_bytes(std::span(kAlert))};
    if (role_ == TlsRole::server) inner_->write(alert, kAlertTimeout_s);
    return {IoStatus::failed, 0, "the other end does not speak TLS: " + std::string(kTlsOnOneEndOnly)};
  }

  // ---- records

  // Returns what has come in already; timeout: nothing.
  IoResult open_records(std::span<std::byte> into) {
    if (read_end_) return *read_end_;
    const std::lock_guard lock(ssl_lock_);
    ERR_clear_error();
    std::size_t done = 0, count = 0;
    int result = 1;
    while (done < into.size() && result == 1) {
      result = SSL_read_ex(ssl_.get(), into.data() + done, into.size() - done, &count);
      if (result == 1) done += count;
    }
    const int error = SSL_get_error(ssl_.get(), result);
    if (outgoing_.size() > kMostUnsentBytes) {
      read_end_ = {IoStatus::failed, 0, "the other end asks for keys without end"};
    } else if (error == SSL_ERROR_ZERO_RETURN) {
      read_end_ = {IoStatus::closed, 0, ""};
    } else if (result != 1 && error != SSL_ERROR_WANT_READ) {
      read_end_ = {IoStatus::failed, 0, handshake_fault(notes_)};
    }
    if (done > 0) return {IoStatus::ok, static_cast<std::int64_t>(done), ""};
    return read_end_.value_or(IoResult{IoStatus::timeout, 0, ""});
  }

  // Waits for bytes; OpenSSL has read all of those before.
  IoResult fetch(double timeout_s) {
    const std::span<std::byte> all(buffer_.get(), kReadBytes);
    IoResult got = inner_->read(all, timeout_s);
    const std::lock_guard lock(ssl_lock_);
    incoming_ = all.first(static_cast<std::size_t>(got.ok() ? got.bytes : 0));
    return got;
  }

  // A message that fits into one record becomes one.
  IoResult write_short(std::span<const std::span<const std::byte>> parts, std::size_t total, Clock::time_point end) {
    if (parts.size() == 1) return write_piece(parts[0], end);
    gathered_.clear();
    for (const std::span<const std::byte>& part : parts) gathered_.insert(gathered_.end(), part.begin(), part.end());
    IoResult sent = write_piece(gathered_, end);
    if (sent.ok()) sent.bytes = static_cast<std::int64_t>(total);
    return sent;
  }

  IoResult write_piece(std::span<const std::byte> piece, Clock::time_point end) {
    if (piece.empty()) return {};
    {
      const std::lock_guard lock(ssl_lock_);
      ERR_clear_error();
      sealed_bytes_ += static_cast<std::int64_t>(piece.size());
      if (sealed_bytes_ >= options_.rekey_bytes) {
        SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
        sealed_bytes_ = 0;
      }
      std::size_t count = 0;
      if (SSL_write_ex(ssl_.get(), piece.data(), piece.size(), &count) != 1)
        return {IoStatus::failed, 0, handshake_fault(notes_)};
    }
    IoResult sent = flush(end);
    halfway_ = !sent.ok();
    if (sent.ok()) sent.bytes = static_cast<std::int64_t>(piece.size());
    else sent.bytes = 0;
    return sent;
  }

  // Sends what OpenSSL has made. By the thread that shakes hands or writes.
  IoResult flush(Clock::time_point end) {
    sending_.clear();
    {
      const std::lock_guard lock(ssl_lock_);
      sending_.swap(outgoing_);
    }
    if (sending_.empty()) return {};
    const std::array<std::span<const std::byte>, 1> parts = {sending_};
    return inner_->write(parts, left_until(end));
  }

  // ---- what OpenSSL calls, with ssl_lock_ held

  static int take_outgoing(BIO* bio, const char* bytes, std::size_t size, std::size_t* written) {
    auto& self = *static_cast<TlsChannel*>(BIO_get_data(bio));
    const auto* const from = reinterpret_cast<const std::byte*>(bytes);
    self.outgoing_.insert(self.outgoing_.end(), from, from + size);
    *written = size;
    return 1;
  }

  static int give_incoming(BIO* bio, char* into, std::size_t size, std::size_t* got) {
    auto& self = *static_cast<TlsChannel*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *got = std::min(size, self.incoming_.size());
    if (*got == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(into, self.incoming_.data(), *got);
    self.incoming_ = self.incoming_.subspan(*got);
    return 1;
  }

  const std::unique_ptr<Channel> inner_;
  const TlsRole role_;
  const TlsOptions options_;
  std::atomic<bool> closing_ = false;

  mutable std::mutex phase_lock_;
  std::condition_variable phase_changed_;
  Phase phase_ = Phase::idle;
  bool begun_ = false;
  IoResult fault_;  // failed: why
  Clock::time_point handshake_end_;

  // Of the thread that shakes hands.
  bool heard_ = false;
  std::string handshake_fault_;

  std::mutex ssl_lock_;
  HandshakeNotes notes_;
  std::unique_ptr<BIO_METHOD, MethodFree> method_;
  SslPointer ssl_;
  std::vector<std::byte> outgoing_;
  std::span<const std::byte> incoming_;

  // Of the reading thread.
  std::unique_ptr<std::byte[]> buffer_;
  std::optional<IoResult> read_end_;  // nothing can be read any more: why

  std::mutex writing_;
  std::vector<std::byte> sending_, gathered_;
  std::int64_t sealed_bytes_ = 0;
  bool halfway_ = false;  // a record was sent in part: nothing sensible can follow it
};

}  // namespace

std::unique_ptr<Channel> tls_channel(std::unique_ptr<Channel> inner, TlsRole role, TlsOptions options) {
  return std::make_unique<TlsChannel>(std::move(inner), role, std::move(options));
}

bool looks_like_tls(std::span<const std::byte> bytes) {
  const auto is_at = [bytes](std::size_t at, int value) { return bytes.size() > at && bytes[at] == std::byte(value); };
  return (is_at(0, 0x16) || is_at(0, 0x15)) && is_at(1, 3);  // a handshake or an alert; then the version's first byte
}

}  // namespace cleave
