#include "engine/runtime/link_probe.h"

#include <future>

#include <gtest/gtest.h>

#include "tests/engine/runtime/one_answer.h"

namespace cleave {

namespace {

constexpr double kPatience_s = 20;

OneAnswer answering(std::promise<std::string>* ended = nullptr) {
  return OneAnswer({}, kLinkProbeEdge, [ended](Channel& channel, const Greeting& hello) {
    const std::string why = answer_link_probe(channel, hello, "j4", kPatience_s);
    if (ended != nullptr) ended->set_value(why);
  });
}

std::unique_ptr<Channel> connect(const OneAnswer& listening) { return dial(listening.address(), {}, "", kPatience_s); }

// A channel whose writes take a while: so much for each, so many bytes a second.
class SlowChannel final : public Channel {
 public:
  SlowChannel(std::unique_ptr<Channel> inner, double each_s, double bytes_per_s)
      : inner_(std::move(inner)), each_s_(each_s), bytes_per_s_(bytes_per_s) {}
  IoResult read(std::span<std::byte> into, double timeout_s) override { return inner_->read(into, timeout_s); }
  IoResult write(std::span<const std::span<const std::byte>> parts, double timeout_s) override {
    double bytes = 0;
    for (const std::span<const std::byte> part : parts) bytes += static_cast<double>(part.size());
    std::this_thread::sleep_for(std::chrono::duration<double>(each_s_ + bytes / bytes_per_s_));
    return inner_->write(parts, timeout_s);
  }
  void close() override { inner_->close(); }
  std::string peer_address() const override { return inner_->peer_address(); }

 private:
  std::unique_ptr<Channel> inner_;
  double each_s_, bytes_per_s_;
};

// Greets as `measure_link` does, and then says `type`; returns why the other end stopped.
std::string after_saying(MessageType type, std::uint64_t seq) {
  std::promise<std::string> ended;
  std::future<std::string> why = ended.get_future();
  const OneAnswer listening = answering(&ended);
  const std::unique_ptr<Channel> channel = connect(listening);
  const Until until(kPatience_s);
  EXPECT_EQ(greet(*channel, kLinkProbeEdge, Greeting{}, until).fault, "");
  write_message(*channel, {.type = type, .edge = kLinkProbeEdge, .seq = seq}, {}, until);
  Message drained;
  if (type == MessageType::drain) {
    EXPECT_TRUE(read_message(*channel, kLinkProbeEdge, 0, drained, until).ok());
    channel->close();
  }
  return why.get();
}

}  // namespace

TEST(LinkProbe, MeasuresAConnection) {
  std::promise<std::string> ended;
  const OneAnswer listening = answering(&ended);
  const std::unique_ptr<Channel> channel = connect(listening);
  const LinkMeasure measure = measure_link(*channel, "coordinator", "j4");
  EXPECT_GT(measure.latency_s, 0);
  EXPECT_LT(measure.latency_s, 1);
  EXPECT_GT(measure.up_bps, 1e6);
  EXPECT_GT(measure.down_bps, 1e6);
  EXPECT_LE(measure.bytes, kMostLinkProbeBytes);
  EXPECT_EQ(ended.get_future().get(), "");
}

// The bounds hold however busy the machine is: a sleep is never too short.
TEST(LinkProbe, FindsTheLatencyAndBandwidthOfASlowLink) {
  const OneAnswer listening = answering();
  SlowChannel channel(connect(listening), 5e-3, 20e6);
  LinkProbeOptions options;
  options.pings = 9;
  options.long_enough_s = 0.1;
  const LinkMeasure measure = measure_link(channel, "coordinator", "j4", options);
  EXPECT_GE(measure.latency_s, 2.5e-3);
  EXPECT_LT(measure.up_bps, 8 * 20e6);
}

TEST(LinkProbe, StopsWhereABulkTellsEnough) {
  const OneAnswer listening = answering();
  SlowChannel channel(connect(listening), 1e-3, 1e9);
  LinkProbeOptions options;
  options.pings = 1;
  options.long_enough_s = 0;
  EXPECT_EQ(measure_link(channel, "coordinator", "j4", options).bytes, 2 * 4 * kLinkProbeChunkBytes);
}

TEST(LinkProbe, OfASilentEndIsGivenUp) {
  const Listener listener = listen_on({"tcp", "127.0.0.1", 0}, {});
  const std::unique_ptr<Channel> channel = dial(listener.address, {}, "", kPatience_s);
  LinkProbeOptions options;
  options.deadline_s = 0.1;
  EXPECT_THROW(measure_link(*channel, "coordinator", "j4", options), RunError);
}

TEST(LinkProbe, OfAnotherDeviceIsRefused) {
  const OneAnswer listening = answering();
  const std::unique_ptr<Channel> channel = connect(listening);
  try {
    measure_link(*channel, "coordinator", "p8");
    FAIL() << "was not refused";
  } catch (const RunError& error) {
    EXPECT_STREQ(error.what(), "the link cannot be measured: this is the worker of 'j4', not of 'p8'");
  }
}

TEST(LinkProbe, AnswersNothingThatIsTooMuchOrNoPartOfIt) {
  EXPECT_EQ(after_saying(MessageType::ack, ~std::uint64_t{0}), "it asked for more than a probe may");
  EXPECT_EQ(after_saying(MessageType::pong, 0), "pong is no part of a probe");
  EXPECT_EQ(after_saying(MessageType::drain, 0), "it hung up");
}

TEST(LinkProbe, GivesUpAnAskerThatSaysNothing) {
  std::promise<std::string> ended;
  const OneAnswer listening({}, kLinkProbeEdge, [&](Channel& channel, const Greeting& hello) {
    ended.set_value(answer_link_probe(channel, hello, "j4", 0.5));
    channel.close();
  });
  const std::unique_ptr<Channel> channel = connect(listening);
  EXPECT_EQ(greet(*channel, kLinkProbeEdge, Greeting{}, Until(kPatience_s)).fault, "");
  EXPECT_EQ(ended.get_future().get(), "no answer in time");
}

}  // namespace cleave
