// Silence, damage, and peers that do not keep to the rules.
#include <gtest/gtest.h>

#include <utility>

#include "engine/net/session.h"
#include "tests/support/session_pair.h"

namespace cleave {

namespace {

// A data message of `length` bytes as any peer may make it.
Travelling data_message(std::uint64_t seq, std::int64_t length, std::uint8_t flags = 0) {
  const std::shared_ptr<Buffer> payload = std::make_shared<Buffer>(length);
  std::ranges::fill(payload->bytes(), std::byte{1});
  return travel({{.type = MessageType::data,
                  .flags = flags,
                  .edge = 77,
                  .seq = seq,
                  .length = static_cast<std::uint32_t>(length),
                  .body_crc = crc32c(std::as_const(*payload).bytes())},
                 payload,
                 {}});
}

Travelling control(MessageType type, std::uint64_t seq = 0, std::vector<std::byte> body = {}) {
  const std::uint32_t length = static_cast<std::uint32_t>(body.size()), crc = crc32c(body);
  return travel({{.type = type, .edge = 77, .seq = seq, .length = length, .body_crc = crc}, nullptr, std::move(body)});
}

// What a connected 'b' makes of a message.
struct Answer {
  Verdict verdict;
  std::string why;
};
Answer answer_to(Travelling message) {
  SessionPair pair;
  pair.connect();
  pair.to_b.push_back(std::move(message));
  pair.hear_b();
  return {pair.at_b, pair.b.why()};
}
Answer answer_to_ack(const Ack& ack) { return answer_to(control(MessageType::ack, 0, encode_ack(ack))); }

SessionPair pair_with_bodies(bool a_sums, bool b_sums) {
  SessionOptions of_a = edge_options("a"), of_b = edge_options("b");
  of_a.sum_bodies = a_sums, of_b.sum_bodies = b_sums;
  SessionPair pair(of_a, of_b);
  pair.connect();
  return pair;
}

// The next frame arrives with a flipped bit.
void damage_a_frame(SessionPair& pair) {
  pair.take_all();
  pair.b.commit(pair.b.received_next(), pair.now);
  pair.pump();
  ASSERT_TRUE(pair.send(pair.b.received_next()));
  pair.say_a();
  pair.to_b.back().payload->bytes()[2] ^= std::byte{8};
  pair.hear_b();
}

}  // namespace

TEST(SessionFault, ADamagedPayloadIsNotTakenButReplayed) {
  SessionPair pair;
  pair.connect();
  damage_a_frame(pair);
  EXPECT_EQ(pair.at_b, Verdict::close);
  EXPECT_EQ(pair.b.why(), "the payload of a data message is damaged");
  EXPECT_EQ(pair.b.counts().corrupt, 1);
  pair.disconnect();
  pair.connect();
  EXPECT_EQ(pair.take_all(), std::vector<std::uint64_t>{0});
}

TEST(SessionFault, DamageThriceWithinAMinuteEndsTheSession) {
  SessionPair pair;
  for (pair.now = 0; pair.now < 60; pair.now += 29) {
    pair.connect();
    damage_a_frame(pair);
    EXPECT_EQ(pair.at_b, pair.now < 58 ? Verdict::close : Verdict::give_up);
    if (pair.now < 58) pair.disconnect();
  }
  EXPECT_EQ(pair.b.state(), LinkState::refused);
  EXPECT_TRUE(pair.b.why().starts_with("3 damaged messages within a minute"));
  pair.say_b(), pair.hear_a();
  EXPECT_EQ(pair.at_a, Verdict::give_up);
  EXPECT_TRUE(pair.a.why().ends_with("check the cable and the network between the two"));
}

TEST(SessionFault, DamageNowAndThenIsBorne) {
  SessionPair pair;
  for (int i = 0; i < 10; ++i, pair.now += 31) {
    pair.connect();
    damage_a_frame(pair);
    EXPECT_EQ(pair.at_b, Verdict::close);
    pair.disconnect();
  }
  EXPECT_EQ(pair.b.counts().corrupt, 10);
}

TEST(SessionFault, AnEndThatGaveUpRefusesEverybody) {
  SessionPair pair;
  pair.connect();
  for (int i = 0; i < 3; ++i) pair.b.on_corrupt("damaged header", 0);
  pair.disconnect();
  pair.connect();
  EXPECT_EQ(pair.at_b, Verdict::close);
  EXPECT_EQ(pair.refusal->code, RefuseCode::corrupt);
  EXPECT_EQ(pair.b.on_tick(0), Verdict::give_up);
}

TEST(SessionFault, BodiesGoUnsummedOnlyWhereBothEndsAgree) {
  SessionPair unsummed = pair_with_bodies(false, false);
  damage_a_frame(unsummed);
  EXPECT_EQ(unsummed.at_b, Verdict::keep);
  EXPECT_EQ(unsummed.b.take(0)->flags, 0);  // the flag is of this connection
  SessionPair summed = pair_with_bodies(true, false);
  damage_a_frame(summed);
  EXPECT_EQ(summed.at_b, Verdict::close);
}

TEST(SessionFault, AMissingSumIsRefusedWhereOneIsWanted) {
  SessionPair pair = pair_with_bodies(false, true);
  pair.send(0);
  pair.pump();
  EXPECT_EQ(pair.at_b, Verdict::close);
  EXPECT_EQ(pair.b.why(), "frames come without checksums, which this end wants");
  EXPECT_EQ(pair.b.counts().corrupt, 0);
}

TEST(SessionFault, ADuplicateIsCountedAndDropped) {
  SessionPair pair;
  pair.connect();
  for (int i = 0; i < 2; ++i) pair.to_b.push_back(data_message(0, 4));
  pair.hear_b();
  EXPECT_EQ(pair.at_b, Verdict::keep);
  EXPECT_EQ(pair.b.counts().duplicates, 1);
  EXPECT_EQ(pair.b.held_bytes(), 4);
}

TEST(SessionFault, AFrameAheadOfItsTurnCloses) {
  EXPECT_EQ(answer_to(data_message(1, 4)).why, "frame 1 came, frame 0 is next");
}

TEST(SessionFault, OnlyWholeSamplesUpToABatchAreTaken) {
  for (const std::int64_t length : {4, 8, 16}) EXPECT_EQ(answer_to(data_message(0, length)).verdict, Verdict::keep);
  for (const std::int64_t length : {0, 1, 5, 20}) EXPECT_EQ(answer_to(data_message(0, length)).verdict, Verdict::close);
  EXPECT_EQ(answer_to(data_message(0, 5)).why, "frame 0 has 5 bytes, not 1 to 4 times 4");
  EXPECT_EQ(answer_to(data_message(0, 0, kFlagExpired)).verdict, Verdict::keep);
  EXPECT_EQ(answer_to(data_message(0, 4, kFlagExpired)).verdict, Verdict::close);
}

TEST(SessionFault, APeerCannotMakeUsHoldMoreThanTheWindow) {
  SessionPair pair;
  pair.connect();
  for (std::uint64_t seq = 0; seq < 100; ++seq) pair.to_b.push_back(data_message(seq, 16));
  pair.hear_b();
  EXPECT_EQ(pair.b.why(), "frame 4 came without room for it");
  EXPECT_EQ(pair.b.held_bytes(), 4 * 16);
}

TEST(SessionFault, ImpossibleNumbersClose) {
  EXPECT_EQ(answer_to(data_message(~std::uint64_t{0}, 4)).verdict, Verdict::close);
  EXPECT_EQ(answer_to(control(MessageType::drain, ~std::uint64_t{0})).verdict, Verdict::close);
  EXPECT_EQ(answer_to(control(MessageType::drained, 0)).verdict, Verdict::close);
}

TEST(SessionFault, AnEndBeforeItsFramesCloses) {
  EXPECT_EQ(answer_to(control(MessageType::drain, 1)).why, "the end came before frame 0");
}

TEST(SessionFault, AFrameBehindTheEndCloses) {
  SessionPair pair;
  pair.connect();
  pair.to_b.push_back(control(MessageType::drain, 0));
  pair.to_b.push_back(data_message(0, 4));
  pair.hear_b();
  EXPECT_EQ(pair.b.why(), "frame 0 came behind the end");
}

TEST(SessionFault, ContradictoryAcksClose) {
  EXPECT_EQ(answer_to_ack({.next = 3, .committed = 3, .credit_seq = 3}).verdict, Verdict::keep);
  EXPECT_EQ(answer_to_ack({.next = 3, .committed = 4, .credit_seq = 9}).verdict, Verdict::close);
  EXPECT_EQ(answer_to_ack({.next = 3, .committed = 0, .credit_seq = 2}).verdict, Verdict::close);
  EXPECT_EQ(answer_to(control(MessageType::ack, 0, std::vector<std::byte>(5))).verdict, Verdict::close);
}

TEST(SessionFault, AnAckThatGoesBackCloses) {
  SessionPair pair;
  pair.connect();
  for (const std::uint64_t next : {3, 2}) {
    pair.to_b.push_back(control(MessageType::ack, 0, encode_ack({.next = next, .credit_seq = 9})));
  }
  pair.hear_b();
  EXPECT_EQ(pair.at_b, Verdict::close);
}

TEST(SessionFault, ASecondGreetingCloses) {
  EXPECT_EQ(answer_to(control(MessageType::welcome)).why, "a second welcome on one connection");
}

TEST(SessionFault, NothingIsHeardBeforeTheGreeting) {
  SessionPair pair;
  pair.a.on_connected(0);
  pair.to_a.push_back(data_message(0, 4));
  pair.hear_a();
  EXPECT_EQ(pair.a.why(), "a data message before the greeting");
  pair.to_a.push_back(data_message(0, 4));
  pair.hear_a();
  EXPECT_EQ(pair.at_a, Verdict::close);  // it is down
}

TEST(SessionFault, AnUnreadableGreetingCloses) {
  SessionPair pair;
  pair.a.on_connected(0);
  pair.to_a.push_back(control(MessageType::welcome, 0, std::vector<std::byte>(9)));
  pair.hear_a();
  EXPECT_EQ(pair.a.why(), "a greeting that cannot be read");
}

TEST(SessionFault, AGoodbyeCloses) { EXPECT_EQ(answer_to(control(MessageType::bye)).why, "the peer said goodbye"); }

TEST(SessionFault, SilenceIsAskedAboutAndAnswered) {
  SessionPair pair;
  pair.connect();
  pair.now = 0.3;
  pair.say_a();
  EXPECT_EQ(count_of(pair.to_b, MessageType::ping), 1);
  pair.hear_b(), pair.say_b();
  EXPECT_EQ(count_of(pair.to_a, MessageType::pong), 1);
  pair.hear_a();
  EXPECT_EQ(pair.a.silent_s(pair.now), 0);
}

TEST(SessionFault, OneQuestionIsAskedForEachSilence) {
  SessionPair pair;
  pair.connect();
  for (int i = 0; i < 20; ++i) {
    pair.now += 0.0625;
    pair.say_a();
  }
  EXPECT_EQ(count_of(pair.to_b, MessageType::ping), 5);
}

TEST(SessionFault, ASilentPeerIsDead) {
  SessionPair pair;
  pair.connect();
  EXPECT_EQ(pair.a.on_tick(1.9), Verdict::keep);
  EXPECT_DOUBLE_EQ(pair.a.silent_s(1.9), 1.9);
  EXPECT_EQ(pair.a.on_tick(2), Verdict::close);
  EXPECT_EQ(pair.a.why(), "the peer has fallen silent");
  EXPECT_EQ(pair.a.on_tick(3), Verdict::keep);  // it is down, there is nothing to close
  EXPECT_EQ(pair.a.silent_s(3), 0);
}

TEST(SessionFault, AGreetingWaitsNotForEver) {
  SessionOptions patient = edge_options("a");
  patient.dead_s = 10;
  SessionPair pair(patient, edge_options("b"));
  pair.a.on_connected(5);
  EXPECT_EQ(pair.a.state(), LinkState::greeting);
  EXPECT_EQ(pair.a.on_tick(6.9), Verdict::keep);
  EXPECT_EQ(pair.a.on_tick(7), Verdict::close);
}

TEST(SessionFault, NothingIsSaidBehindADisconnection) {
  Session session(edge_options("a"));
  session.on_connected(0);
  session.on_disconnected(0);
  EXPECT_FALSE(session.next_output(0));
}

TEST(SessionFault, DisconnectingTwiceIsDisconnecting) {
  SessionPair pair;
  pair.connect();
  pair.send(0);
  for (int i = 0; i < 3; ++i) pair.disconnect();
  EXPECT_EQ(pair.a.state(), LinkState::down);
  EXPECT_FALSE(pair.a.next_output(0));
  for (int i = 0; i < 3; ++i) pair.connect();
  EXPECT_EQ(pair.take_all(), std::vector<std::uint64_t>{0});
}

}  // namespace cleave
