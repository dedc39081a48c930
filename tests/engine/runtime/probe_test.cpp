#include "engine/runtime/probe.h"

#include <array>

#include <gtest/gtest.h>

#include "engine/net/keys.h"
#include "tests/engine/runtime/one_answer.h"
#include "tests/support/files.h"

namespace cleave {

namespace {

constexpr double kPatience_s = 20;  // of what must succeed, on a busy machine

ProbeAnswer some_answer() {
  return {
      "1.2.3", std::uint64_t{1} << 63, "j4", 1.5e9, std::int64_t{4} << 30, std::int64_t{3} << 30, 4, "aarch64", "idle",
      ""};
}

// Listens, and answers a probe as `answer` says.
OneAnswer worker(const ProbeAnswer& answer, const TlsFiles& tls = {}) {
  return OneAnswer(tls, kProbeEdge, [answer](Channel& channel, const Greeting& hello) {
    answer_probe(channel, hello, answer, kPatience_s);
  });
}

ProbeResult ask(const OneAnswer& listening, const std::string& device = "j4", const TlsFiles& tls = {},
                double timeout_s = kPatience_s) {
  return probe(listening.address(), tls, "coordinator", device, timeout_s);
}

// The keys of j4 and of the coordinator.
struct Keys {
  TestFolder folder;
  TlsFiles worker, own;

  Keys() {
    const std::string path = folder.path("keys");
    make_authority(path);
    add_device(path, "j4");
    add_device(path, "coordinator");
    worker = tls_files(path, "j4");
    own = tls_files(path, "coordinator");
  }
};

}  // namespace

TEST(Probe, BringsTheAnswerItsRoundTripAndTheClock) {
  ProbeAnswer answer = own_probe_answer("j4", 7, "idle", "");
  answer.now_utc_s += 1000;
  const OneAnswer listening = worker(answer);
  const ProbeResult result = ask(listening);
  ASSERT_TRUE(result.done()) << result.why;
  EXPECT_EQ(result.answer, answer);
  EXPECT_EQ(result.address, "127.0.0.1");
  EXPECT_GT(result.round_trip_s, 0);
  EXPECT_NEAR(result.clock_s, 1000, kPatience_s);
}

TEST(Probe, IsAnsweredOverTls) {
  const Keys keys;
  const OneAnswer listening = worker(some_answer(), keys.worker);
  const ProbeResult result = ask(listening, "j4", keys.own);
  ASSERT_TRUE(result.done()) << result.why;
  EXPECT_EQ(result.answer, some_answer());
}

TEST(Probe, SaysThatAHostHasNoAddress) {
  const ProbeResult result = probe({"tcp", "a..b", 7300}, {}, "coordinator", "j4", kPatience_s);
  EXPECT_EQ(result.failed, ProbeStep::name);
  EXPECT_NE(result.why.find("a..b"), std::string::npos);
  EXPECT_NE(result.advice.find("devices.j4.host"), std::string::npos);
}

TEST(Probe, SaysThatNobodyListens) {
  Listener listener = listen_on({"tcp", "127.0.0.1", 0}, {});
  listener.close();
  const ProbeResult result = probe(listener.address, {}, "coordinator", "j4", kPatience_s);
  EXPECT_EQ(result.failed, ProbeStep::port);
  EXPECT_NE(result.why.find(listener.address.text()), std::string::npos) << result.why;
}

TEST(Probe, OfAnotherDeviceIsRefused) {
  const OneAnswer listening = worker(some_answer());
  const ProbeResult result = ask(listening, "p8");
  EXPECT_EQ(result.failed, ProbeStep::handshake);
  EXPECT_EQ(result.why, "this is the worker of 'j4', not of 'p8'; check the hosts and ports of both");
}

TEST(Probe, OfASilentListenerEnds) {
  const Listener listener = listen_on({"tcp", "127.0.0.1", 0}, {});
  const ProbeResult result = probe(listener.address, {}, "coordinator", "j4", 1);
  EXPECT_EQ(result.failed, ProbeStep::handshake);
  EXPECT_EQ(result.why, "no answer in time");
}

TEST(Probe, NeedsKeysOnBothEndsOrNone) {
  const Keys keys;
  const OneAnswer with_keys = worker(some_answer(), keys.worker), without = worker(some_answer());
  for (const ProbeResult& result : {ask(with_keys), ask(without, "j4", keys.own)}) {
    EXPECT_EQ(result.failed, ProbeStep::handshake);
    EXPECT_NE((result.why + result.advice).find("--keys"), std::string::npos) << result.why;
  }
}

TEST(Probe, AsksOnlyTheDeviceThatItsKeysAreFor) {
  const Keys keys;
  const OneAnswer listening = worker(some_answer(), keys.worker);
  const ProbeResult result = ask(listening, "p8", keys.own);
  EXPECT_EQ(result.failed, ProbeStep::handshake);
  EXPECT_NE(result.why.find("j4"), std::string::npos) << result.why;
}

TEST(Probe, TakesNoAnswerThatIsNone) {
  const std::vector<std::byte> zeros(kMessageHeaderBytes);
  const OneAnswer noise({}, kProbeEdge, [&](Channel& channel, const Greeting&) {
    channel.write(std::array{std::span<const std::byte>(zeros)}, kPatience_s);
  });
  const OneAnswer empty({}, kProbeEdge, [](Channel& channel, const Greeting& hello) {
    const Until until(kPatience_s);
    write_welcome(channel, kProbeEdge, hello, until);
    write_message(channel, {.type = MessageType::data, .edge = kProbeEdge}, {}, until);
  });
  EXPECT_EQ(ask(noise).why, "what came is no answer: no message of cleave");
  EXPECT_EQ(ask(empty).why, "its answer cannot be read");
}

TEST(ProbeAnswer, IsReadAsItWasWritten) {
  ProbeAnswer answer = some_answer();
  answer.now_utc_s = 1782000000.123456;
  answer.plan = "\"\n\\ é";
  EXPECT_EQ(read_probe_answer(to_json(answer)), answer);
}

TEST(ProbeAnswer, ThatIsNoObjectIsNone) {
  EXPECT_FALSE(read_probe_answer(""));
  EXPECT_FALSE(read_probe_answer("4"));
  EXPECT_FALSE(read_probe_answer(std::string(10'000, '[')));
}

TEST(ProbeAnswer, WithAFieldOfAnotherKindIsNone) {
  const std::string whole = to_json(some_answer());
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"\"cores\":4", "\"cores\":-4"},
                                                        {"\"cores\":4", "\"cores\":\"4\""},
                                                        {"\"name\":\"j4\"", "\"name\":4"},
                                                        {"\"now_utc_s\":1500000000.0", "\"now_utc_s\":null"},
                                                        {"\"state\"", "\"stat\""},
                                                        {"{", "["},
                                                        {"}", ""}}) {
    std::string text = whole;
    ASSERT_NE(text.find(from), std::string::npos) << from;
    text.replace(text.find(from), from.size(), to);
    EXPECT_FALSE(read_probe_answer(text)) << text;
  }
}

TEST(ProbeAnswer, OfThisProcessIsPossible) {
  const ProbeAnswer own = own_probe_answer("j4", 7, "idle", "");
  EXPECT_GT(own.memory_free_bytes, 0);
  EXPECT_LE(own.memory_free_bytes, own.memory_bytes);
  EXPECT_GE(own.cores, 1);
  EXPECT_FALSE(own.arch.empty());
  EXPECT_GT(own.now_utc_s, 1.7e9);
}

}  // namespace cleave
