#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/net/keys.h"
#include "engine/runtime/bridge.h"
#include "tests/support/bridges.h"

namespace cleave {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;  // and takes memory of its own
#else
constexpr bool kIsSanitized = false;
#endif

using Bytes = std::vector<std::byte>;

bool is_up(const Bridge& bridge) {
  return wait_for([&] { return bridge.status().state == LinkState::up; });
}

bool has_failed(const Bridge& bridge, const std::string& why) {
  return wait_for([&] { return bridge.status().failed; }) && bridge.status().why.find(why) != std::string::npos;
}

Bytes bytes_of(const std::string& text) {
  Bytes bytes;
  for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}

// The first message of an end that dials.
Bytes hello_of(const SessionOptions& options) {
  Session session(options);
  session.on_connected(0);
  const std::optional<Outgoing> hello = session.next_output(0);
  const HeaderBytes header = encode_header(hello->header);
  Bytes bytes(header.begin(), header.end());
  for (const std::byte byte : hello->control) bytes.push_back(byte);
  return bytes;
}

Bytes header_of(MessageType type, std::uint32_t length) {
  const HeaderBytes bytes = encode_header({.type = type, .edge = kTestEdge, .length = length});
  return {bytes.begin(), bytes.end()};
}

Bytes noise(std::size_t size) {
  std::minstd_rand random(7);
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// Somebody who connects and says something. A plain socket: NNG would make it costly to be many.
class Stranger {
 public:
  explicit Stranger(const Address& address, const Bytes& says = {}, int flags = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | flags, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(address.port));
    (void)::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    if (!says.empty()) (void)!::send(socket_, says.data(), says.size(), MSG_NOSIGNAL);
  }
  ~Stranger() { ::close(socket_); }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  // Waits until the other end hangs up; false when it does not.
  bool is_closed(double timeout_s = 30) {
    const timeval timeout{.tv_sec = static_cast<time_t>(timeout_s),
                          .tv_usec = static_cast<suseconds_t>(timeout_s * 1e6) % 1000000};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    std::array<char, 512> bytes;
    ssize_t count = 1;
    while (count > 0) count = ::recv(socket_, bytes.data(), bytes.size(), 0);
    return count == 0 || errno == ECONNRESET;
  }
  // Goes without a goodbye.
  void abort() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

 private:
  int socket_;
};

std::int64_t count_files() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return std::distance(begin(files), end(files));
}

std::int64_t resident_bytes() {
  std::int64_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

// Whether `count` frames from `begin` on go over a pair.
bool delivers(BridgePair& pair, std::uint64_t begin, std::uint64_t count) {
  std::future<bool> sent = std::async(std::launch::async, [&] { return send_frames(*pair.a, begin, begin + count); });
  const bool received = receive_frames(*pair.b, begin, begin + count) == begin + count;
  if (!received) pair.a->stop();
  return sent.get() && received;
}

TEST(Acceptor, RefusesAnEdgeUntilItKnowsIt) {
  Acceptor acceptor(any_port(), {}, {}, {});
  BridgeOptions options = test_bridge("a");
  options.dial = acceptor.address();
  Bridge a(options);
  a.start();
  EXPECT_TRUE(wait_for([&] { return a.status().why.find("unknown edge") != std::string::npos; }));
  EXPECT_FALSE(a.status().failed);
  Bridge b(test_bridge("b"));
  acceptor.add(b);
  b.start();
  EXPECT_TRUE(is_up(a));
  EXPECT_GE(acceptor.refused(), 1);
  acceptor.remove(b);
}

TEST(Acceptor, ServesManyBridgesOnOneAddress) {
  Acceptor acceptor(unix_socket(), {}, {}, {});
  std::vector<std::unique_ptr<Bridge>> senders, receivers;
  for (std::uint64_t edge = 1; edge <= 12; ++edge) {
    BridgeOptions a = test_bridge("a"), b = test_bridge("b");
    a.session.edge = b.session.edge = edge;
    a.dial = acceptor.address();
    receivers.push_back(std::make_unique<Bridge>(b));
    acceptor.add(*receivers.back());
    receivers.back()->start();
    senders.push_back(std::make_unique<Bridge>(a));
    senders.back()->start();
  }
  for (const std::unique_ptr<Bridge>& sender : senders) EXPECT_TRUE(send_frames(*sender, 0, 5));
  for (const std::unique_ptr<Bridge>& receiver : receivers) EXPECT_EQ(receive_frames(*receiver, 0, 5), 5u);
  acceptor.stop();
}

TEST(Acceptor, ClosesStrangers) {
  BridgePair pair({}, any_port(), {.handshakes = 8, .handshake_s = 0.3, .failures_per_s = 1000, .file_share = 0.8});
  ASSERT_TRUE(is_up(*pair.a));
  Bytes damaged = hello_of(test_session("a"));
  damaged.at(60) ^= std::byte{1};
  const std::vector<Bytes> sayings = {noise(100000),
                                      bytes_of("GET / HTTP/1.1\r\nHost: worker\r\n\r\n"),
                                      header_of(MessageType::hello, 100),  // and then nothing
                                      Bytes(20),
                                      header_of(MessageType::hello, std::numeric_limits<std::uint32_t>::max()),
                                      header_of(MessageType::data, 1000),
                                      damaged};
  for (const Bytes& says : sayings) EXPECT_TRUE(Stranger(pair.acceptor.address(), says).is_closed());
  EXPECT_TRUE(wait_for([&] { return pair.acceptor.refused() == static_cast<std::int64_t>(sayings.size()); }));
  EXPECT_TRUE(delivers(pair, 0, 100));
  EXPECT_EQ(pair.a->status().connects, 1);
}

TEST(Acceptor, ARecordedHelloLosesNothing) {
  BridgePair pair;
  ASSERT_TRUE(delivers(pair, 0, 100));
  const Bytes recorded = hello_of(pair.a_options.session);
  for (std::uint64_t i = 0; i < 5; ++i) {
    const Stranger stranger(pair.acceptor.address(), recorded);
    EXPECT_TRUE(delivers(pair, 100 + 20 * i, 20));
  }
}

TEST(Acceptor, StrangersWhoSayNothingKeepNobodyOut) {
  AcceptLimits limits;
  limits.failures_per_s = 1000;  // they share an address with those who are welcome
  BridgePair pair({}, any_port(), limits);
  ASSERT_TRUE(is_up(*pair.a));
  pair.a->stop();
  std::vector<std::unique_ptr<Stranger>> crowd;
  for (int i = 0; i < 300; ++i) crowd.push_back(std::make_unique<Stranger>(pair.acceptor.address()));
  pair.a = std::make_unique<Bridge>(pair.a_options);
  pair.a->start();
  EXPECT_TRUE(is_up(*pair.a));
  EXPECT_TRUE(delivers(pair, 0, 100));
  for (const std::unique_ptr<Stranger>& stranger : crowd) EXPECT_TRUE(stranger->is_closed());
}

TEST(Acceptor, AFloodLeavesNothingBehind) {
  BridgePair pair;
  ASSERT_TRUE(delivers(pair, 0, 500));
  const std::int64_t files = count_files(), bytes = resident_bytes();
  std::future<bool> delivered = std::async(std::launch::async, [&] { return delivers(pair, 500, 3000); });
  for (int i = 0; i < 3000; ++i)
    Stranger(pair.acceptor.address(), i % 2 == 0 ? Bytes{} : noise(100), SOCK_NONBLOCK).abort();
  EXPECT_TRUE(delivered.get());
  EXPECT_EQ(pair.a->status().connects, 1);
  EXPECT_TRUE(wait_for([&] { return count_files() <= files; })) << files << " before, now " << count_files();
  EXPECT_LT(kIsSanitized ? 0 : resident_bytes() - bytes, std::int64_t{8} << 20);
}

TEST(Acceptor, AnAddressThatFailsOftenIsShutOutForASecond) {
  AcceptLimits limits;
  limits.failures_per_s = 3;
  limits.handshake_s = 1000;
  BridgePair pair({}, any_port(), limits);
  EXPECT_TRUE(wait_for([&] {  // again, should a second go by in between
    for (int i = 0; i < 3; ++i) (void)Stranger(pair.acceptor.address(), noise(100)).is_closed();
    return Stranger(pair.acceptor.address()).is_closed(0.3);  // who said nothing, and had the time to
  }));
  pair.a->stop();
  pair.a = std::make_unique<Bridge>(pair.a_options);
  pair.a->start();
  EXPECT_TRUE(is_up(*pair.a));
}

TEST(Acceptor, AcceptsNobodyWhileFilesRunOut) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  std::int64_t before = 0;  // connections of tests before this one may still be closing
  ASSERT_TRUE(wait_for([&] { return std::exchange(before, count_files()) == count_files(); }));
  std::vector<int> files;
  while (files.size() < 100) files.push_back(::open("/dev/null", O_RDONLY));
  AcceptLimits limits;
  limits.file_share = static_cast<double>(files.back()) / static_cast<double>(limit.rlim_cur);
  Acceptor acceptor(any_port(), {}, limits, {});
  Stranger stranger(acceptor.address(), noise(100));
  EXPECT_FALSE(stranger.is_closed(0.3));
  EXPECT_EQ(acceptor.refused(), 0);
  for (const int file : files) ::close(file);
  EXPECT_TRUE(stranger.is_closed());
}

TEST(Acceptor, StopsAtOnceWhateverStrangersDo) {
  Acceptor acceptor(any_port(), {}, {.handshake_s = 1000}, {});
  std::vector<std::unique_ptr<Stranger>> crowd;
  for (int i = 0; i < 8; ++i) crowd.push_back(std::make_unique<Stranger>(acceptor.address()));
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  acceptor.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  for (const std::unique_ptr<Stranger>& stranger : crowd) EXPECT_TRUE(stranger->is_closed());
}

TEST(Acceptor, SaysWhereItCannotListen) {
  const Acceptor first(any_port(), {}, {}, {});
  EXPECT_THROW(Acceptor(first.address(), {}, {}, {}), RunError);
}

// ---- TLS

struct Keys {
  std::filesystem::path folder = unix_socket().host + "-keys";
  Keys() {
    make_authority(folder.string());
    for (const char* device : {"a", "b", "c"}) add_device(folder.string(), device);
  }
  ~Keys() { std::filesystem::remove_all(folder); }
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;
  TlsFiles of(const std::string& device) const { return tls_files(folder.string(), device); }
};

TEST(TlsAcceptor, LetsInWhomTheCertificateNames) {
  const Keys keys;
  BridgePair pair([&](BridgeOptions& a, BridgeOptions&) { a.tls = keys.of("a"); }, any_port(), {}, keys.of("b"));
  EXPECT_TRUE(delivers(pair, 0, 300));
  EXPECT_EQ(pair.a->status().connects, 1);
}

TEST(TlsAcceptor, CarriesLargeFrames) {
  const Keys keys;
  const auto change = [&](BridgeOptions& a, BridgeOptions& b) {
    a.tls = keys.of("a");
    a.session.sum_bodies = b.session.sum_bodies = false;
  };
  BridgePair pair(change, any_port(), {}, keys.of("b"));
  std::future<bool> sent =
      std::async(std::launch::async, [&] { return send_frames(*pair.a, 0, 10, std::int64_t{4} << 20); });
  EXPECT_EQ(receive_frames(*pair.b, 0, 10), 10u);
  EXPECT_TRUE(sent.get());
}

TEST(TlsAcceptor, RefusesWhoSaysThatItIsAnother) {
  const Keys keys;
  BridgePair pair([&](BridgeOptions& a, BridgeOptions&) { a.tls = keys.of("c"); }, any_port(), {}, keys.of("b"));
  EXPECT_TRUE(has_failed(*pair.a, "certificate"));
  EXPECT_EQ(pair.b->status().connects, 0);
}

TEST(TlsAcceptor, RefusesADeviceThatTheEdgeIsNotFor) {
  const Keys keys;
  const auto change = [&](BridgeOptions& a, BridgeOptions&) {
    a.tls = keys.of("c");
    a.session.device = "c";
  };
  BridgePair pair(change, any_port(), {}, keys.of("b"));
  EXPECT_TRUE(has_failed(*pair.a, "'a' is expected here"));
}

TEST(TlsAcceptor, DialsNobodyButWhomItExpects) {
  const Keys keys;
  BridgePair pair([&](BridgeOptions& a, BridgeOptions&) { a.tls = keys.of("a"); }, any_port(), {}, keys.of("c"));
  EXPECT_TRUE(wait_for([&] { return pair.acceptor.refused() > 0; }));
  EXPECT_EQ(pair.b->status().connects, 0);
  EXPECT_TRUE(wait_for([&] { return !pair.a->status().why.empty(); }));
}

TEST(TlsAcceptor, ClosesThoseWithoutKeys) {
  const Keys keys;
  BridgePair pair({}, any_port(), {.handshakes = 8, .handshake_s = 0.3, .failures_per_s = 5, .file_share = 0.8},
                  keys.of("b"));
  EXPECT_TRUE(Stranger(pair.acceptor.address(), noise(1000)).is_closed());
  EXPECT_TRUE(wait_for([&] { return pair.a->status().why.find("give both ends --keys") != std::string::npos; }));
  EXPECT_EQ(pair.b->status().connects, 0);  // a has none either
}

}  // namespace
}  // namespace cleave
