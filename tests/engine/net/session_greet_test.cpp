// Who may talk to whom, and what a new peer finds.
#include <gtest/gtest.h>

#include <utility>

#include "engine/net/session.h"
#include "tests/support/session_pair.h"

namespace cleave {

namespace {

using Seqs = std::vector<std::uint64_t>;

SessionOptions changed(const std::string& device, void (*change)(SessionOptions&)) {
  SessionOptions options = edge_options(device);
  change(options);
  return options;
}

// What 'b' answers an 'a' with other options.
Refusal refusal_for(void (*change)(SessionOptions&)) {
  SessionPair pair(changed("a", change), edge_options("b"));
  pair.connect();
  EXPECT_EQ(pair.at_b, Verdict::close);
  EXPECT_EQ(pair.b.state(), LinkState::down);
  return pair.refusal.value_or(Refusal{RefuseCode::busy, "not refused"});
}

MessageHeader header_of(MessageType type, const std::vector<std::byte>& body) {
  return {.type = type, .edge = 77, .length = static_cast<std::uint32_t>(body.size()), .body_crc = crc32c(body)};
}

Travelling message_of(MessageType type, const std::vector<std::byte>& body) {
  return travel({header_of(type, body), nullptr, body});
}

// 'a' reads the refusal that 'b' has for it.
void hand_over_refusal(SessionPair& pair) {
  pair.to_a.push_back(message_of(MessageType::refuse, encode_refusal(pair.refusal.value())));
  pair.hear_a();
}

// A control edge. 'a' has sent 3 frames, of which 2 are committed, and got 1.
SessionPair control_pair() {
  const auto reset = [](SessionOptions& options) { options.reset_on_new_peer = true; };
  SessionPair pair(changed("a", reset), changed("b", reset));
  pair.connect();
  for (std::uint64_t seq = 0; seq < 3; ++seq) pair.send(seq);
  pair.b.send(test_frame(0), 0);
  pair.pump();
  pair.take_all();
  pair.a.take(0);
  pair.b.commit(2, 0);
  pair.a.commit(1, 0);
  pair.pump();
  return pair;
}

Session another(const std::string& device) {
  return Session(changed(device, [](SessionOptions& options) {
    options.reset_on_new_peer = true;
    options.boot_id += 1;
  }));
}

// One frame each way, numbered from 0 again.
void expect_to_begin_anew(SessionPair& pair) {
  EXPECT_EQ(pair.a.held_bytes() + pair.b.held_bytes(), 0);
  EXPECT_TRUE(pair.send(0));
  EXPECT_TRUE(pair.b.send(test_frame(0), 0));
  pair.pump();
  EXPECT_EQ(pair.take_all(), Seqs{0});
  const std::optional<WireFrame> frame = pair.a.take(0);
  EXPECT_TRUE(frame && frame->seq == 0 && is_intact(*frame));
}

}  // namespace

TEST(SessionGreeting, BothEndsKnowEachOther) {
  SessionPair pair;
  pair.connect();
  EXPECT_EQ(pair.a.state(), LinkState::up);
  EXPECT_EQ(pair.b.state(), LinkState::up);
  EXPECT_EQ(pair.a.peer().device, "b");
  EXPECT_EQ(pair.b.peer().boot_id, 100U);
  EXPECT_EQ(pair.a.counts().connects, 1);
}

TEST(SessionGreeting, AnotherPlanIsRefused) {
  const Refusal refusal = refusal_for([](SessionOptions& options) { options.plan_hash[0] = 0x91; });
  EXPECT_EQ(refusal, (Refusal{RefuseCode::plan, "plan differs: yours 9100, mine 3f00; deploy it again"}));
}

TEST(SessionGreeting, AnotherDeviceIsRefused) {
  Refusal refusal = refusal_for([](SessionOptions& options) { options.device = "x\n"; });
  EXPECT_EQ(refusal.code, RefuseCode::device);
  EXPECT_EQ(refusal.text, "'a' is expected here, you are 'x\\x0a'; correct the addresses in the swarm file");
  refusal = refusal_for([](SessionOptions& options) { options.peer = "c"; });
  EXPECT_EQ(refusal.text, "this is 'b', you want 'c'; correct the addresses in the swarm file");
}

TEST(SessionGreeting, ANamelessExpectationTakesAnybody) {
  const auto nobody = [](SessionOptions& options) { options.peer = ""; };
  SessionPair pair(changed("a", nobody), changed("b", nobody));
  pair.connect();
  EXPECT_EQ(pair.b.state(), LinkState::up);
}

TEST(SessionGreeting, ALongNameIsTheSameAtBothEnds) {
  SessionPair pair(changed("a", [](SessionOptions& options) { options.device = std::string(200, 'n'); }),
                   changed("b", [](SessionOptions& options) { options.peer = std::string(200, 'n'); }));
  pair.connect();
  EXPECT_EQ(pair.b.state(), LinkState::up);
}

TEST(SessionGreeting, AnotherItemSizeIsRefused) {
  const Refusal refusal = refusal_for([](SessionOptions& options) { options.item_bytes = 8; });
  EXPECT_EQ(refusal.code, RefuseCode::item_size);
  EXPECT_EQ(refusal.text, "a sample has 8 bytes there, 4 here; deploy the plan again");
}

TEST(SessionGreeting, AnotherMajorVersionIsRefusedANewerMinorIsNot) {
  Session session(edge_options("b"));
  Greeting hello{.plan_hash = {0x3F}, .device = "a", .peer = "b", .item_bytes = 4};
  std::optional<Refusal> refusal;
  hello.minor = kWireMinor + 1;
  EXPECT_EQ(session.on_hello(hello, 0, refusal), Verdict::keep);
  hello.major = kWireMajor + 1;
  EXPECT_EQ(session.on_hello(hello, 0, refusal), Verdict::close);
  EXPECT_EQ(refusal->code, RefuseCode::version);
}

TEST(SessionGreeting, TheRefusedEndGivesUpAndSaysWhy) {
  SessionPair pair(changed("a", [](SessionOptions& options) { options.item_bytes = 8; }), edge_options("b"));
  pair.connect();
  hand_over_refusal(pair);
  EXPECT_EQ(pair.at_a, Verdict::give_up);
  EXPECT_EQ(pair.a.state(), LinkState::refused);
  EXPECT_EQ(pair.a.why(), "refused by 'b' (item size): a sample has 8 bytes there, 4 here; deploy the plan again");
  pair.a.on_disconnected(0);
  pair.a.on_connected(0);
  EXPECT_EQ(pair.a.state(), LinkState::refused);
  EXPECT_FALSE(pair.a.next_output(0));
}

TEST(SessionGreeting, ABusyPeerIsTriedAgain) {
  SessionPair pair;
  pair.a.on_connected(0);
  pair.to_a.push_back(message_of(MessageType::refuse, encode_refusal({RefuseCode::busy, "later"})));
  pair.hear_a();
  EXPECT_EQ(pair.at_a, Verdict::close);
  pair.disconnect();
  pair.connect();
  EXPECT_EQ(pair.a.state(), LinkState::up);
}

TEST(SessionGreeting, AnUnwantedDialledEndIsToldSo) {
  SessionPair pair;
  pair.a.on_connected(0);
  Greeting welcome{.plan_hash = {0x11}, .device = "b", .peer = "a", .item_bytes = 4};
  pair.to_a.push_back(message_of(MessageType::welcome, encode_greeting(welcome)));
  pair.hear_a();
  EXPECT_EQ(pair.at_a, Verdict::give_up);
  pair.to_b.clear();
  const std::optional<Outgoing> hello = pair.a.next_output(0);
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->header.type, MessageType::refuse);
  EXPECT_EQ(decode_refusal(hello->control)->code, RefuseCode::plan);
}

TEST(SessionGreeting, AZombieIsRefusedAndItsSuccessorGoesOn) {
  SessionPair pair(changed("a", [](SessionOptions& options) { options.incarnation = 2; }), edge_options("b"));
  pair.connect();
  Session zombie(edge_options("a"));
  const Greeting hello{.plan_hash = {0x3F}, .device = "a", .peer = "b", .incarnation = 1, .item_bytes = 4};
  std::optional<Refusal> refusal;
  EXPECT_EQ(pair.b.on_hello(hello, 0, refusal), Verdict::close);
  EXPECT_EQ(refusal->code, RefuseCode::zombie);
  EXPECT_EQ(refusal->text, "incarnation 2 of 'a' took over, you are 1; end this process");
  pair.send(0);
  pair.pump();
  EXPECT_EQ(pair.take_all(), Seqs{0});
}

TEST(SessionGreeting, AZombieThatIsDialledMustEndButNotTheDialler) {
  SessionPair pair(edge_options("a"), changed("b", [](SessionOptions& options) { options.incarnation = 2; }));
  pair.connect();
  pair.disconnect();
  std::swap(pair.b, *std::make_unique<Session>(edge_options("b")));
  pair.connect();
  EXPECT_EQ(pair.at_a, Verdict::close);
  pair.say_a(), pair.hear_b();
  EXPECT_EQ(pair.at_b, Verdict::give_up);
  EXPECT_EQ(pair.a.state(), LinkState::down);
}

TEST(SessionGreeting, ANewConnectionSupersedesTheOldOne) {
  SessionPair pair;
  pair.connect();
  pair.send(0);
  pair.say_a();
  pair.to_b.clear();  // the old connection hangs
  pair.connect();
  EXPECT_EQ(pair.b.counts().connects, 2);
  EXPECT_EQ(pair.take_all(), Seqs{0});
}

TEST(SessionGreeting, WhatWasToBeSaidOnTheOldConnectionIsNotSaidOnTheNewOne) {
  SessionPair pair;
  for (int i = 0; i < 2; ++i) {
    pair.a.on_connected(0);
    pair.say_a(), pair.hear_b();
  }
  pair.say_b();
  EXPECT_EQ(count_of(pair.to_a, MessageType::welcome), 1);
  pair.hear_a();
  EXPECT_EQ(pair.a.state(), LinkState::up);
}

TEST(SessionGreeting, CreditBeginsAnewWithEachConnection) {
  SessionPair pair;
  for (std::uint64_t seq = 0; seq < 3; ++seq) {
    pair.connect();
    EXPECT_EQ(pair.a.peer().credit_bytes, static_cast<std::uint64_t>(edge_options("b").window_bytes));
    EXPECT_EQ(pair.a.peer().credit_seq, seq + 4);
    pair.send(seq);
    pair.pump();
    pair.take_all();
    pair.disconnect();
  }
}

// 'a' receives, and its window is full when it dials; by the answer all that it holds is committed.
TEST(SessionGreeting, ADiallingReceiverTellsOfRoomThatTheAnswerMade) {
  SessionPair pair;
  pair.connect();
  for (std::uint64_t seq = 0; seq < 4; ++seq) pair.b.send(test_frame(seq), 0);
  pair.pump();
  pair.disconnect();
  pair.b.start_at(4);
  for (std::uint64_t seq = 4; seq < 6; ++seq) pair.b.send(test_frame(seq), 0);
  pair.connect();
  EXPECT_EQ(pair.a.take(0)->seq, 4U);
}

TEST(SessionGreeting, AReceiverThatWantsWhatIsGoneIsRefused) {
  SessionPair pair;
  pair.a.start_at(0);
  pair.connect();
  for (std::uint64_t seq = 0; seq < 3; ++seq) pair.send(seq);
  pair.pump();
  pair.disconnect();
  const Greeting hello{
      .plan_hash = {0x3F}, .device = "a", .peer = "b", .item_bytes = 4, .sent_committed = 3, .sent_first = 5};
  std::optional<Refusal> refusal;
  EXPECT_EQ(pair.b.on_hello(hello, 0, refusal), Verdict::close);
  EXPECT_EQ(*refusal, (Refusal{RefuseCode::gap, "frame 3 is wanted, you have none before 5; start the run again"}));
}

TEST(SessionGreeting, AReceiverThatDialsStartsAtWhatIsCommitted) {
  SessionPair pair;  // here 'b' sends and 'a' receives
  pair.b.start_at(5);
  pair.a.on_connected(0);
  pair.say_a(), pair.hear_b();
  EXPECT_EQ(pair.b.on_tick(0), Verdict::keep);  // one greeting is enough
  pair.pump();
  EXPECT_EQ(pair.a.received_next(), 5U);
  pair.b.send(test_frame(5), 0);
  pair.pump();
  EXPECT_EQ(pair.a.take(0)->seq, 5U);
}

TEST(SessionGreeting, AFirstMeetingIsNoChangeOfPeers) {
  SessionPair pair = control_pair();
  EXPECT_EQ(pair.a.peer_changes(), 0);
  EXPECT_EQ(pair.b.peer_changes(), 0);
  pair.disconnect();
  pair.connect();
  EXPECT_EQ(pair.a.peer_changes(), 0);
  EXPECT_EQ(pair.b.peer_changes(), 0);
  EXPECT_EQ(pair.a.sent_committed(), 2U);
  EXPECT_EQ(pair.b.counts().duplicates, 0);
}

TEST(SessionGreeting, ANewDialledPeerBeginsAnew) {
  SessionPair pair = control_pair();
  pair.disconnect();
  pair.b = another("b");
  pair.connect();
  EXPECT_EQ(pair.a.peer_changes(), 1);
  EXPECT_EQ(pair.b.peer_changes(), 0);
  expect_to_begin_anew(pair);
}

TEST(SessionGreeting, ANewDiallingPeerBeginsAnew) {
  SessionPair pair = control_pair();
  pair.disconnect();
  pair.a = another("a");
  pair.connect();
  EXPECT_EQ(pair.a.peer_changes(), 0);
  EXPECT_EQ(pair.b.peer_changes(), 1);
  expect_to_begin_anew(pair);
}

// The dialling end greets the new peer twice with what it knows of the old one.
TEST(SessionGreeting, ANewPeerBeginsAnewThoughItsFirstWelcomeWasLost) {
  SessionPair pair = control_pair();
  pair.disconnect();
  pair.b = another("b");
  pair.a.on_connected(0);
  pair.say_a(), pair.hear_b(), pair.say_b();
  pair.disconnect();
  pair.connect();
  EXPECT_EQ(pair.a.peer_changes(), 1);
  EXPECT_EQ(pair.b.peer_changes(), 0);
  expect_to_begin_anew(pair);
}

TEST(SessionGreeting, AnotherPeerIsRefusedWhileTheFirstIsHeard) {
  SessionPair pair = control_pair();
  Session other = another("a");
  other.on_connected(0.5);
  std::optional<Refusal> refusal;
  const Greeting hello = decode_greeting(other.next_output(0.5)->control).value();
  EXPECT_EQ(pair.b.on_hello(hello, 0.5, refusal), Verdict::close);
  EXPECT_EQ(refusal, (Refusal{RefuseCode::busy, "another 'a' is at work with 'b'; wait until it has ended"}));
  EXPECT_EQ(pair.b.on_hello(hello, 1.5, refusal), Verdict::keep);
  EXPECT_EQ(pair.b.peer_changes(), 1);
}

TEST(SessionGreeting, APeerThatComesBackBehindAnotherIsHeard) {
  SessionPair pair = control_pair();
  Session other = another("a");
  for (int change = 1; change <= 2; ++change) {
    pair.disconnect();
    std::swap(pair.a, other);
    pair.connect();
    EXPECT_EQ(pair.b.peer_changes(), change);
  }
  pair.send(3);
  pair.b.send(test_frame(1), 0);
  pair.pump();
  EXPECT_EQ(pair.take_all(), (Seqs{2, 3}));
  EXPECT_EQ(pair.a.take(0).value_or(WireFrame{}).seq, 1U);
}

TEST(SessionGreeting, WithoutResetANewPeerContinues) {
  SessionPair pair;
  pair.connect();
  pair.send(0);
  pair.pump();
  pair.take_all();
  pair.disconnect();
  pair.a = Session(changed("a", [](SessionOptions& options) { options.boot_id = 101; }));
  pair.connect();
  EXPECT_EQ(pair.b.peer_changes(), 0);
  EXPECT_EQ(pair.b.received_next(), 1U);
}

TEST(SessionGreeting, AControlEdgeNumbersItsFramesItself) {
  SessionPair pair = control_pair();
  pair.disconnect();
  pair.b = another("b");
  pair.connect();
  EXPECT_TRUE(pair.send(3));  // by somebody who has not heard of the change
  pair.b.commit(17, 0);       // likewise
  pair.pump();
  EXPECT_EQ(pair.b.received_next(), 1U);
  EXPECT_EQ(pair.b.take(0)->seq, 0U);
  EXPECT_EQ(pair.b.received_committed(), 0U);
}

}  // namespace cleave
