#include "engine/net/tls.h"

#include <chrono>
#include <future>

#include <gtest/gtest.h>

#include "tests/engine/net/tls_peers.h"

namespace cleave {
namespace {

using Clock = std::chrono::steady_clock;
constexpr TlsRole kClient = TlsRole::client, kServer = TlsRole::server;

// ---- who is let in, and what both ends are told

// Two ends that meet, and what each is told.
struct Meet {
  const char* name;
  Side client, server;
  std::string client_told, server_told;
};

struct Outcome {
  std::string client_told, server_told;
  double took_s = 0;  // until both knew
};

Outcome meet(const Side& client, const Side& server) {
  Listener listener = listen_on(parse_address("127.0.0.1:0"), {});
  std::unique_ptr<Channel> near = dial(listener.address, {}, "", 10), far = listener.accept(10);
  const Clock::time_point start = Clock::now();
  std::future<std::string> other = std::async(std::launch::async, [&] { return client(std::move(near)); });
  Outcome outcome;
  outcome.server_told = server(std::move(far));
  outcome.client_told = other.get();
  outcome.took_s = std::chrono::duration<double>(Clock::now() - start).count();
  listener.close();
  return outcome;
}

void expect_as_told(const Meet& wanted, const Outcome& outcome) {
  EXPECT_EQ(without_numbers(outcome.client_told), wanted.client_told) << wanted.name;
  EXPECT_EQ(without_numbers(outcome.server_told), wanted.server_told) << wanted.name;
  EXPECT_LE(outcome.took_s, 2.5) << wanted.name;
}

const std::string kRefuses = "the other end refuses us: ";
const std::string kPlainPeer = "the other end does not speak TLS: give both ends --keys, or neither";
const std::string kSilent = "the other end did not begin with TLS within 2 s: give both ends --keys, or neither";
const std::string kHungUp = "the other end hung up instead of beginning with TLS: give both ends --keys, or neither";
const std::string kUnfinished = "the other end did not finish the TLS handshake within 2 s";
const std::string kExpired =
    "device expired: its certificate expired on DAY (today is DAY); run `cleave keys add expired` again";
const std::string kEarly =
    "device early: its certificate is valid from DAY on, and this machine's clock says DAY; set the clocks";
const std::string kRevoked =
    "this swarm's keys were revoked for revoked; if it shall be let in, run `cleave keys add revoked`";
const std::string kBadList = "the list of revoked keys is of no use (";

std::string foreign(const std::string& name) {
  return "device " + name +
         ": its certificate was signed by another authority (cleave authority ID); both ends need keys of one swarm";
}
std::string misnamed(const std::string& expected, const std::string& is) {
  return "expected device " + expected + ", but the certificate there is of " + is +
         "; check the addresses, or its keys";
}
std::string told_expired() {
  return kRefuses +
         "to it, the certificate of expired has expired; run `cleave keys add expired` again, or set its clock";
}
std::string told_unknown(const std::string& name) {
  return kRefuses + "it does not know the authority that signed the certificate of " + name +
         "; both ends need keys of one swarm";
}
std::string told_unexpected(const std::string& name) {
  return kRefuses + "it expects another device than " + name + ", or its clock is behind";
}

// The server is device b with good keys; the client is let in or not.
std::vector<Meet> clients(const OddKeys& keys) {
  const Side b = ours(kServer, keys.good("b"));
  const auto client = [&](const TlsFiles& files) { return ours(kClient, files, "b"); };
  const auto odd = [&](const char* name, OddTls how) { return stranger(kClient, keys.good(name), how); };
  return {
      {"good keys", client(keys.good("a")), b, "good", "good"},
      {"an expired certificate", client(keys.good("expired")), b, told_expired(), kExpired},
      {"a certificate of tomorrow", client(keys.good("early")), b, told_unexpected("early"), kEarly},
      {"a revoked certificate", client(keys.good("revoked")), b,
       kRefuses + "the keys of revoked were revoked; run `cleave keys add revoked` for new ones", kRevoked},
      {"a certificate of another swarm", client(keys.foreign_certificate()), b, told_unknown("a"), foreign("a")},
      {"a certificate signed by itself", client(keys.good("self-signed")), b, told_unknown("a"),
       "device a: its certificate is signed by itself, not by this swarm's authority; run `cleave keys add`"},
      {"a certificate signed by a device", client(keys.good("grandchild")), b, told_unknown("c"),
       "device c: its certificate was signed by another authority (a); both ends need keys of one swarm"},
      {"a certificate with a second name", client(keys.good("other names")), b, told_unexpected("a"),
       "device a: its certificate bears other names, too; run `cleave keys add a` again"},
      {"a certificate without a name", client(keys.good("nameless")), b, told_unexpected(""),
       "the other end's certificate names no device; run `cleave keys add` for it"},
      {"a certificate without its key", client(keys.good("thief")), b,
       kRefuses + "the key used is not that of the certificate of b",
       "the other end does not hold the key of the certificate that it shows"},
      {"no certificate", odd("a", {.without_certificate = true}), b, "closed",
       "the other end shows no certificate; give it --keys"},
      {"TLS 1.2", odd("a", {.only_tls12 = true}), b, "gave up",
       "the other end does not speak TLS 1.3; this swarm takes nothing older"},
      {"a plain client", plain("CLV1" + std::string(44, '\0')), b, "150303", kPlainPeer},
      {"a browser", plain("GET / HTTP/1.1\r\nHost: b\r\n\r\n"), b, "150303", kPlainPeer},
      {"garbage behind a record's header", plain("\x16\x03\x01" + std::string("\x02\x00", 2) + std::string(512, 'x')),
       b, "150303", "the other end broke the rules of TLS: unexpected message"},
      {"a client that hangs up at once", hangs_up(""), b, "hung up", "the other end broke the TLS handshake off"},
      {"a client that hangs up halfway", hangs_up("\x16\x03\x01\x02"), b, "hung up",
       "the other end broke the TLS handshake off"},
  };
}

// The client is device a with good keys and wants b.
std::vector<Meet> servers(const OddKeys& keys) {
  const Side a = ours(kClient, keys.good("a"), "b");
  const auto server = [&](const TlsFiles& files) { return ours(kServer, files); };
  TlsFiles foreign_list = keys.good("a"), no_list = keys.good("a"), bad_list = keys.good("a"), no_key = keys.good("a");
  foreign_list.revoked = keys.path("other/revoked.pem");
  no_list.revoked = keys.path("nowhere.pem");
  bad_list.revoked = keys.path("good/a.key");
  no_key.key = keys.path("nowhere.key");
  return {
      {"another device's good keys", a, server(keys.good("c")), misnamed("b", "c"), told_unexpected("c")},
      {"any device wanted", ours(kClient, keys.good("a")), server(keys.good("c")), "good", "good"},
      {"an expired server", a, server(keys.good("expired")), kExpired, told_expired()},
      {"a revoked server", a, server(keys.good("revoked")), kRevoked,
       kRefuses + "the keys of revoked were revoked; run `cleave keys add revoked` for new ones"},
      {"a server of another swarm", a, server(keys.other_swarm("b")), foreign("b"), told_unknown("b")},
      {"a server without a certificate", a, stranger(kServer, {}, {.without_certificate = true}),
       kRefuses + "it does not speak TLS 1.3", "gave up"},
      {"a server of TLS 1.2", a, stranger(kServer, keys.good("b"), {.only_tls12 = true}),
       kRefuses + "it does not speak TLS 1.3", "gave up"},
      {"a plain server", a, plain("CLV1" + std::string(44, '\0')), kPlainPeer, "160301"},
      {"a plain server that hangs up", a, hangs_up(""), kHungUp, "hung up"},
      {"no list of revoked keys", ours(kClient, no_list, "b"), server(keys.good("b")), "good", "good"},
      {"another swarm's list", ours(kClient, foreign_list, "b"), server(keys.good("b")),
       kBadList + "unable to get certificate CRL); copy revoked.pem of this swarm here again", told_unknown("b")},
      {"a list that is none", ours(kClient, bad_list, "b"), server(keys.good("b")),
       keys.path("good/a.key") + ": is no list of revoked keys (no certificate or crl found)",
       "the other end broke the TLS handshake off"},
      {"a key that is not there", ours(kClient, no_key, "b"), server(keys.good("b")),
       no_key.key + ": is no private key of the certificate beside it (there is no such file)",
       "the other end broke the TLS handshake off"},
  };
}

// Each takes the whole time that a handshake may.
std::vector<Meet> silent(const OddKeys& keys) {
  const Side a = ours(kClient, keys.good("a"), "b"), b = ours(kServer, keys.good("b"));
  return {
      {"a silent client", plain(""), b, "closed", kSilent},
      {"a silent server", a, plain(""), kSilent, "160301"},
      {"a server that asks for no certificate", a, stranger(kServer, keys.good("b"), {}), kUnfinished, "closed"},
      {"half a handshake", stranger(kClient, keys.good("a"), {.stops_halfway = true}), b, "closed", kUnfinished},
      {"half a record", plain("\x16\x03\x01\x02"), b, "closed", kUnfinished},
  };
}

TEST(TlsHandshake, LetsInWhoHoldsKeysAndTellsTheOthersWhy) {
  const OddKeys keys;
  for (const Meet& wanted : clients(keys)) expect_as_told(wanted, meet(wanted.client, wanted.server));
}

TEST(TlsHandshake, ReachesNoServerButTheOneMeant) {
  const OddKeys keys;
  for (const Meet& wanted : servers(keys)) expect_as_told(wanted, meet(wanted.client, wanted.server));
}

TEST(TlsHandshake, WaitsForNobodyLongerThanTwoSeconds) {
  const OddKeys keys;
  const std::vector<Meet> all = silent(keys);
  std::vector<std::future<Outcome>> outcomes;
  for (const Meet& wanted : all)
    outcomes.push_back(std::async(std::launch::async, [&] { return meet(wanted.client, wanted.server); }));
  for (std::size_t i = 0; i < all.size(); ++i) expect_as_told(all[i], outcomes[i].get());
}

// ---- what a connection keeps once it stands

// A channel that damages one byte of what it reads.
class Damaging final : public Channel {
 public:
  Damaging(std::unique_ptr<Channel> inner, std::int64_t at) : inner_(std::move(inner)), at_(at) {}
  IoResult read(std::span<std::byte> into, double timeout_s) override {
    const IoResult got = inner_->read(into, timeout_s);
    if (at_ >= seen_ && at_ < seen_ + got.bytes) into[static_cast<std::size_t>(at_ - seen_)] ^= std::byte{1};
    seen_ += got.bytes;
    return got;
  }
  IoResult write(std::span<const std::span<const std::byte>> parts, double timeout_s) override {
    return inner_->write(parts, timeout_s);
  }
  void close() override { inner_->close(); }
  std::string peer_address() const override { return inner_->peer_address(); }

 private:
  const std::unique_ptr<Channel> inner_;
  const std::int64_t at_;
  std::int64_t seen_ = 0;
};

// Devices a and b, connected over a loopback.
struct Secured {
  TestFolder folder;
  LoopbackNet net;
  Listener listener = net.listen(parse_address("loopback://b"));
  Ends ends;

  Secured() {
    make_authority(folder.path());
    for (const char* name : {"a", "b"}) add_device(folder.path(), name);
  }
  void connect(std::int64_t damaged_byte = -1, std::int64_t rekey_bytes = std::int64_t{1} << 40) {
    auto inner = std::make_unique<Damaging>(net.dial(listener.address), -1);
    auto other = std::make_unique<Damaging>(listener.accept(10), damaged_byte);
    const TlsFiles a = tls_files(folder.path(), "a"), b = tls_files(folder.path(), "b");
    ends.near = tls_channel(std::move(inner), kClient, {a, "b", rekey_bytes});
    ends.far = tls_channel(std::move(other), kServer, {b, "", rekey_bytes});
  }
  // What reading says of so many bytes sent from a to b.
  IoResult carry(std::size_t size) {
    std::thread writer([&] { write_bytes(*ends.near, pattern(size)); });
    std::vector<std::byte> got(size);
    const IoResult result = read_all(*ends.far, got, 10);
    ends.far->close();
    writer.join();
    EXPECT_TRUE(!result.ok() || got == pattern(size));
    return result;
  }
};

TEST(Tls, CrossesAConnectionThatComesInSmallPieces) {
  Secured pair;
  pair.net.set_faults({.most_read_bytes = 3, .room_bytes = 1000, .seed = 5});
  pair.connect();
  EXPECT_EQ(told(pair.carry(50'000)), "good");
}

TEST(Tls, ChangesItsKeysOnTheWay) {
  Secured pair;
  pair.connect(-1, 100'000);
  EXPECT_EQ(told(pair.carry(5'000'000)), "good");
}

TEST(Tls, NoticesEveryDamagedByte) {
  for (const std::int64_t byte : {5000, 20'000, 60'000}) {
    Secured pair;
    pair.connect(byte);
    EXPECT_EQ(told(pair.carry(100'000)), "the other end broke the rules of TLS: decryption failed or bad record mac");
  }
}

TEST(Tls, DamagedHandshakeIsRefused) {
  for (const std::int64_t byte : {0, 1, 40, 300}) {
    Secured pair;
    pair.connect(byte);
    EXPECT_EQ(pair.carry(10).status, IoStatus::failed) << byte;
  }
}

TEST(Tls, AConnectionThatEndsInTheMiddleOfARecordIsClosed) {
  Secured pair;
  pair.net.set_faults({.drop_at_byte = 20'000});
  pair.connect();
  EXPECT_EQ(told(pair.carry(100'000)), "closed");
}

TEST(Tls, HandshakeGoesOnAfterAReadThatTimedOut) {
  Secured pair;
  pair.net.set_faults({.delay_s = 0.1});
  pair.connect();
  std::thread writer([&] { EXPECT_TRUE(write_bytes(*pair.ends.near, pattern(1)).ok()); });
  std::byte byte{};
  int timeouts = 0;
  while (pair.ends.far->read(std::span(&byte, 1), 0.01).status == IoStatus::timeout) ++timeouts;
  writer.join();
  EXPECT_EQ(byte, pattern(1)[0]);
  EXPECT_GT(timeouts, 2);
}

TEST(Tls, ReaderAndWriterMayBothComeFirst) {
  for (int i = 0; i < 10; ++i) {
    Secured pair;
    pair.connect();
    std::thread one([&] { EXPECT_TRUE(write_bytes(*pair.ends.near, pattern(9)).ok()); });
    std::thread two([&] { EXPECT_TRUE(write_bytes(*pair.ends.far, pattern(9)).ok()); });
    std::thread three([&] { EXPECT_EQ(read_bytes(*pair.ends.near, 9), pattern(9)); });
    EXPECT_EQ(read_bytes(*pair.ends.far, 9), pattern(9));
    one.join(), two.join(), three.join();
  }
}

TEST(Tls, RevokedKeysAreRefusedFromTheNextConnectionOn) {
  Secured pair;
  pair.connect();
  EXPECT_EQ(told(pair.carry(10)), "good");
  pair.connect();
  revoke_device(pair.folder.path(), "a");
  EXPECT_EQ(told(pair.carry(10)),
            "this swarm's keys were revoked for a; if it shall be let in, run `cleave keys add a`");
}

TEST(Tls, LooksLikeTlsOnlyWhereItIs) {
  const auto looks = [](std::string_view bytes) { return looks_like_tls(std::as_bytes(std::span(bytes))); };
  EXPECT_TRUE(looks("\x16\x03\x01"));
  EXPECT_TRUE(looks("\x15\x03"));
  for (const char* other : {"", "\x16", "\x16\x04", "CLV1", "GET /"}) EXPECT_FALSE(looks(other));
}

}  // namespace
}  // namespace cleave
