// Frames, credit, commitment and the end of a session, over connections that come and go.
#include "engine/net/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "tests/support/session_pair.h"

namespace cleave {

namespace {

using Seqs = std::vector<std::uint64_t>;

Seqs seqs_between(std::uint64_t first, std::uint64_t end) {
  Seqs seqs;
  for (std::uint64_t seq = first; seq < end; ++seq) seqs.push_back(seq);
  return seqs;
}

// Hands in as many frames as are taken from `seq` on, and returns the next seq.
std::uint64_t send_all(SessionPair& pair, std::uint64_t seq, std::uint64_t end) {
  while (seq < end && pair.send(seq)) ++seq;
  return seq;
}

// A connected pair that has moved frames 0 … n-1; 'b' took them all and committed those before `committed`.
SessionPair pair_after(std::uint64_t n, std::uint64_t committed) {
  SessionPair pair;
  pair.connect();
  for (std::uint64_t seq = 0; seq < n; ++seq) {
    EXPECT_TRUE(pair.send(seq));
    pair.pump();
    pair.take_all();
  }
  pair.b.commit(committed, pair.now);
  pair.pump();
  return pair;
}

Session reborn(const std::string& device) {
  SessionOptions options = edge_options(device);
  options.incarnation = 1;
  options.boot_id += 1;
  return Session(options);
}

SessionPair dropping_pair() {
  SessionOptions of_a = edge_options("a"), of_b = edge_options("b");
  of_a.drop_oldest = of_b.drop_oldest = true;
  return {of_a, of_b};
}

}  // namespace

TEST(Session, FramesArriveInOrderAndWhole) {
  SessionPair pair;
  pair.connect();
  EXPECT_EQ(send_all(pair, 0, 4), 4U);
  pair.pump();
  EXPECT_EQ(pair.take_all(), seqs_between(0, 4));
  EXPECT_EQ(pair.a.counts().frames_sent, 4);
  EXPECT_EQ(pair.b.counts().frames_received, 4);
  EXPECT_EQ(pair.b.counts().bytes_received, 4 * (kMessageHeaderBytes + 4));
  EXPECT_EQ(pair.b.counts().bytes_received, pair.a.counts().bytes_sent);
}

TEST(Session, FramesHandedInBeforeTheConnectionAreSent) {
  SessionPair pair;
  EXPECT_EQ(send_all(pair, 0, 10), 4U);  // a window full waits, no more
  pair.connect();
  EXPECT_EQ(pair.take_all(), seqs_between(0, 4));
}

TEST(Session, AReconnectSendsOnlyWhatThePeerLacks) {
  SessionPair pair;
  pair.connect();
  send_all(pair, 0, 4);
  pair.say_a();
  pair.to_b.pop_back();  // frame 3 is lost on the way
  pair.hear_b();
  pair.disconnect();
  pair.connect();
  EXPECT_EQ(pair.take_all(), seqs_between(0, 4));
  EXPECT_EQ(pair.a.counts().frames_resent, 1);
  EXPECT_EQ(pair.b.counts().duplicates, 0);
}

TEST(Session, ReplaysWhatIsNotCommittedToASuccessor) {
  SessionPair pair = pair_after(4, 1);
  pair.disconnect();
  pair.b = reborn("b");
  pair.connect();
  EXPECT_EQ(pair.take_all(), seqs_between(1, 4));
  EXPECT_EQ(pair.b.received_committed(), 1U);
}

TEST(Session, KeepsFramesUntilTheyAreCommitted) {
  SessionPair pair = pair_after(8, 0);  // keep_frames
  EXPECT_EQ(pair.a.held_bytes(), 8 * 4);
  EXPECT_FALSE(pair.a.can_send());
  EXPECT_FALSE(pair.send(8));
  pair.b.commit(3, 0);
  pair.pump();
  EXPECT_EQ(pair.a.held_bytes(), 5 * 4);
  EXPECT_EQ(pair.a.sent_committed(), 3U);
  EXPECT_TRUE(pair.send(8));
}

TEST(Session, TheWindowBoundsWhatIsOnItsWayAndWaits) {
  SessionPair pair;
  pair.connect();
  std::uint64_t seq = send_all(pair, 0, 100);
  pair.pump();
  seq = send_all(pair, seq, 100);
  pair.pump();
  EXPECT_EQ(seq, 8U);  // 4 wait at 'b', 4 at 'a'
  EXPECT_EQ(pair.b.held_bytes(), 4 * 4);
  EXPECT_EQ(pair.a.counts().frames_sent, 4);
}

TEST(Session, TakingOpensAClosedWindowAtOnce) {
  SessionPair pair;
  pair.connect();
  send_all(pair, 0, 4);
  pair.pump();
  EXPECT_EQ(send_all(pair, 4, 6), 6U);
  pair.pump();
  EXPECT_EQ(pair.b.received_next(), 4U);
  EXPECT_TRUE(pair.b.take(0));
  pair.pump();
  EXPECT_EQ(pair.b.received_next(), 5U);
}

TEST(Session, TheWindowCountsBytesToo) {
  SessionOptions of_b = edge_options("b");
  of_b.window_bytes = 30;
  SessionPair pair(edge_options("a"), of_b);
  pair.connect();
  for (std::uint64_t seq = 0; seq < 4; ++seq) EXPECT_TRUE(pair.a.send(test_frame(seq, 3), 0));
  pair.pump();
  EXPECT_EQ(pair.b.held_bytes(), 24);
  EXPECT_EQ(pair.take_all(), seqs_between(0, 2));
  pair.pump();
  EXPECT_EQ(pair.take_all(), seqs_between(2, 4));
}

// 20 bytes: a frame of 4 bytes waits, one of 16 may come, and a second 16 only when a little room is told of.
TEST(Session, ALargeFrameIsNotLeftWaitingForALittleRoom) {
  SessionOptions of_b = edge_options("b");
  of_b.window_bytes = 16;
  SessionPair pair(edge_options("a"), of_b);
  pair.connect();
  pair.a.send(test_frame(0, 1), 0);
  pair.a.send(test_frame(1, 4), 0);
  pair.pump();
  pair.now = 0.1;
  pair.pump();  // an ACK by time, before anything is taken
  EXPECT_EQ(pair.take_all(), seqs_between(0, 1));
  pair.pump();
  EXPECT_EQ(pair.take_all(), seqs_between(1, 2));
}

TEST(Session, HalfAWindowOfFramesIsToldAtOnce) {
  SessionOptions of_b = edge_options("b");
  of_b.window_frames = 8;
  SessionPair pair(edge_options("a"), of_b);
  pair.connect();
  send_all(pair, 0, 4);
  pair.pump();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(count_of(pair.to_a, MessageType::ack), 0);
    pair.b.take(0);
    pair.say_b();
  }
  EXPECT_EQ(count_of(pair.to_a, MessageType::ack), 1);
}

TEST(Session, HalfAWindowOfBytesIsToldAtOnce) {
  SessionOptions of_b = edge_options("b");
  of_b.window_frames = 100, of_b.window_bytes = 64;
  SessionPair pair(edge_options("a"), of_b);
  pair.connect();
  for (std::uint64_t seq = 0; seq < 2; ++seq) pair.a.send(test_frame(seq, 4), 0);
  pair.pump();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(count_of(pair.to_a, MessageType::ack), 0);
    pair.b.take(0);
    pair.say_b();
  }
  EXPECT_EQ(count_of(pair.to_a, MessageType::ack), 1);
}

TEST(Session, AWindowSmallerThanAFrameTakesOneFrame) {
  SessionOptions of_b = edge_options("b");
  of_b.window_bytes = 1;
  SessionPair pair(edge_options("a"), of_b);
  pair.connect();
  for (std::uint64_t seq = 0; seq < 3; ++seq) pair.a.send(test_frame(seq, 4), 0);
  for (std::uint64_t seq = 0; seq < 3; ++seq) {
    pair.pump();
    EXPECT_EQ(pair.take_all(), seqs_between(seq, seq + 1));
  }
}

TEST(Session, AcksAfterSoManyFrames) {
  SessionOptions of_b = edge_options("b");
  of_b.window_frames = 40, of_b.ack_frames = 3;
  SessionPair pair(edge_options("a"), of_b);
  pair.connect();
  send_all(pair, 0, 2);
  pair.say_a(), pair.hear_b(), pair.say_b();
  EXPECT_EQ(count_of(pair.to_a, MessageType::ack), 0);
  send_all(pair, 2, 3);
  pair.say_a(), pair.hear_b(), pair.say_b();
  EXPECT_EQ(count_of(pair.to_a, MessageType::ack), 1);
}

TEST(Session, AcksAfterSomeTime) {
  SessionPair pair;
  pair.connect();
  send_all(pair, 0, 1);
  pair.say_a(), pair.hear_b();
  pair.now = 0.019;
  pair.say_b();
  EXPECT_EQ(count_of(pair.to_a, MessageType::ack), 0);
  pair.now = 0.021;
  pair.say_b();
  EXPECT_EQ(count_of(pair.to_a, MessageType::ack), 1);
}

TEST(Session, CommitmentIsToldAtOnce) {
  SessionPair pair;
  pair.connect();
  send_all(pair, 0, 1);
  pair.say_a(), pair.hear_b();
  pair.take_all();
  pair.b.commit(1, 0);
  pair.say_b(), pair.hear_a();
  EXPECT_EQ(pair.a.sent_committed(), 1U);
}

TEST(Session, FramesCommittedLongAgoAreTakenAndDropped) {
  SessionPair pair = pair_after(4, 3);
  pair.disconnect();
  pair.a = reborn("a");
  pair.connect();
  EXPECT_EQ(pair.a.sent_committed(), 3U);
  EXPECT_EQ(send_all(pair, 0, 3), 3U);
  EXPECT_EQ(pair.a.held_bytes(), 0);
  pair.pump();
  EXPECT_EQ(pair.b.counts().duplicates, 0);
}

TEST(Session, ARestartedSenderKeepsButDoesNotSendWhatThePeerHas) {
  SessionPair pair = pair_after(4, 1);
  pair.disconnect();
  pair.a = reborn("a");
  pair.connect();
  EXPECT_EQ(send_all(pair, 0, 6), 6U);
  EXPECT_EQ(pair.a.held_bytes(), 5 * 4);
  pair.pump();
  EXPECT_EQ(pair.take_all(), seqs_between(4, 6));
  EXPECT_EQ(pair.a.counts().frames_sent, 2);
  pair.b.commit(6, 0);
  pair.pump();
  EXPECT_EQ(pair.a.held_bytes(), 0);
}

TEST(Session, ARestartedSenderMayMakeFramesBeforeItsPeerIsThere) {
  SessionPair pair = pair_after(4, 1);
  pair.disconnect();
  pair.a = reborn("a");
  EXPECT_EQ(send_all(pair, 0, 9), 4U);
  pair.connect();
  EXPECT_EQ(send_all(pair, 4, 6), 6U);
  pair.pump();
  EXPECT_EQ(pair.take_all(), seqs_between(4, 6));
}

TEST(Session, AFrameHandedInTwiceIsSentOnce) {
  SessionPair pair;
  pair.connect();
  EXPECT_TRUE(pair.send(0));
  EXPECT_TRUE(pair.send(0));
  pair.pump();
  EXPECT_EQ(pair.take_all(), seqs_between(0, 1));
  EXPECT_EQ(pair.a.held_bytes(), 4);
}

TEST(Session, StartsWhereItIsTold) {
  SessionPair pair;
  pair.a.start_at(5);
  pair.connect();
  send_all(pair, 5, 7);
  pair.pump();
  EXPECT_EQ(pair.b.received_committed(), 5U);
  EXPECT_EQ(pair.take_all(), seqs_between(5, 7));
}

TEST(Session, AStartKnownOnlyLaterIsToldByAnotherGreeting) {
  SessionPair pair;
  pair.connect();
  pair.a.start_at(5);
  send_all(pair, 5, 7);
  pair.pump();
  EXPECT_EQ(pair.take_all(), Seqs{});
  EXPECT_EQ(pair.a.on_tick(0), Verdict::close);
  pair.disconnect();
  pair.connect();
  EXPECT_EQ(pair.take_all(), seqs_between(5, 7));
}

TEST(Session, AStartKnownDuringTheGreetingIsToldByAnother) {
  SessionPair pair;
  pair.a.on_connected(0);
  pair.say_a(), pair.hear_b();
  pair.a.start_at(5);
  pair.pump();
  EXPECT_EQ(pair.at_a, Verdict::close);
  pair.disconnect();
  pair.connect();
  EXPECT_EQ(pair.b.received_next(), 5U);
}

TEST(Session, AReceiverWithItsOwnLogSaysWhereToGoOn) {
  SessionPair pair = pair_after(6, 2);
  pair.disconnect();
  pair.b = reborn("b");
  pair.b.expect_from(4);  // the log is ahead of what 'a' knows
  pair.connect();
  EXPECT_EQ(pair.a.sent_committed(), 4U);
  EXPECT_EQ(pair.take_all(), seqs_between(4, 6));
}

TEST(Session, ACommitmentAheadOfWhatArrivedSkipsIt) {
  SessionPair pair = pair_after(6, 1);
  pair.disconnect();
  pair.b = reborn("b");
  pair.a.on_connected(0);
  pair.say_a(), pair.hear_b();
  pair.b.commit(4, 0);  // its own successor says so
  pair.pump();
  EXPECT_EQ(pair.take_all(), seqs_between(4, 6));
  EXPECT_EQ(pair.a.sent_committed(), 4U);
}

TEST(Session, DrainedMeansCommittedToTheEnd) {
  SessionPair pair;
  pair.connect();
  send_all(pair, 0, 3);
  pair.a.end_at(3);
  pair.pump();
  EXPECT_EQ(pair.b.received_end(), 3U);
  pair.take_all();
  pair.b.commit(2, 0);
  pair.pump();
  EXPECT_FALSE(pair.a.is_drained());
  pair.b.commit(3, 0);
  pair.pump();
  EXPECT_TRUE(pair.a.is_drained());
}

TEST(Session, TheEndIsToldOnlyBehindTheLastFrame) {
  SessionPair pair;
  pair.connect();
  pair.a.end_at(6);
  send_all(pair, 0, 6);
  pair.pump();
  EXPECT_EQ(pair.b.received_end(), std::nullopt);
  send_all(pair, 4, 6);
  pair.take_all();
  pair.pump();
  EXPECT_EQ(pair.b.received_end(), 6U);
}

TEST(Session, AnEmptySessionDrains) {
  SessionPair pair;
  pair.a.end_at(0);
  pair.connect();
  EXPECT_TRUE(pair.a.is_drained());
  EXPECT_EQ(pair.b.received_end(), 0U);
}

TEST(Session, TheEndIsToldAgainToASuccessor) {
  SessionPair pair = pair_after(3, 1);
  pair.a.end_at(3);
  pair.pump();
  pair.disconnect();
  pair.b = reborn("b");
  pair.connect();
  pair.take_all();
  pair.b.commit(3, 0);
  pair.pump();
  EXPECT_TRUE(pair.a.is_drained());
}

TEST(Session, ASuccessorThatNeedMakeNothingTellsTheEnd) {
  SessionPair pair = pair_after(3, 3);
  pair.disconnect();
  pair.a = reborn("a");
  pair.a.end_at(3);
  pair.connect();
  EXPECT_TRUE(pair.a.is_drained());
}

TEST(Session, AnEndBeforeWhatArrivedIsBehindIt) {
  SessionPair pair = pair_after(3, 1);
  pair.disconnect();
  pair.a = reborn("a");
  send_all(pair, 0, 2);
  pair.a.end_at(2);  // it stops earlier than it did
  pair.connect();
  EXPECT_EQ(pair.b.received_end(), 3U);
}

TEST(Session, AnEndLostWithItsAnswerIsToldAgain) {
  SessionPair pair = pair_after(3, 3);
  pair.a.end_at(3);
  pair.say_a(), pair.hear_b(), pair.say_b();
  pair.disconnect();
  EXPECT_FALSE(pair.a.is_drained());
  pair.connect();
  EXPECT_TRUE(pair.a.is_drained());
}

TEST(Session, ExpiredFramesTravelWithoutPayload) {
  SessionPair pair;
  pair.connect();
  EXPECT_TRUE(pair.a.send({0, 5, kFlagExpired, nullptr}, 0));
  pair.pump();
  const std::optional<WireFrame> frame = pair.b.take(0);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->flags, kFlagExpired);
  EXPECT_EQ(frame->tag, 5U);
  EXPECT_EQ(frame->payload, nullptr);
}

TEST(Session, DroppingKeepsTheNewest) {
  SessionPair pair = dropping_pair();
  EXPECT_EQ(send_all(pair, 0, 10), 10U);
  EXPECT_EQ(pair.a.counts().dropped, 6);
  pair.connect();
  EXPECT_EQ(pair.take_all(), seqs_between(6, 10));
}

TEST(Session, DroppingGoesOnWhileThePeerIsSlow) {
  SessionPair pair = dropping_pair();
  pair.connect();
  Seqs got;
  for (std::uint64_t seq = 0; seq < 200; ++seq) {
    EXPECT_TRUE(pair.send(seq));
    pair.pump();
    if (const auto frame = seq % 5 == 0 ? pair.b.take(0) : std::nullopt) got.push_back(frame->seq);
  }
  EXPECT_EQ(pair.at_b, Verdict::keep) << pair.b.why();
  EXPECT_EQ(got.size(), 40U);
  EXPECT_TRUE(std::ranges::is_sorted(got));
  EXPECT_GT(got.back(), 150U);
}

TEST(Session, ADroppedMarkerMovesToTheNextFrame) {
  SessionPair pair = dropping_pair();
  WireFrame marked = test_frame(0);
  marked.flags = kFlagMarker;
  pair.a.send(std::move(marked), 0);
  send_all(pair, 1, 10);
  pair.connect();
  const std::optional<WireFrame> first = pair.b.take(0), second = pair.b.take(0);
  EXPECT_EQ(first->seq, 6U);
  EXPECT_EQ(first->flags, kFlagMarker);
  EXPECT_EQ(second->flags, 0);
}

TEST(Session, DroppingForgetsDeliveredFramesWhenNothingIsCommitted) {
  SessionPair pair = dropping_pair();
  pair.connect();
  for (std::uint64_t seq = 0; seq < 50; ++seq) {
    EXPECT_TRUE(pair.send(seq));
    pair.pump();
    EXPECT_EQ(pair.take_all(), seqs_between(seq, seq + 1));
    pair.pump();
  }
  EXPECT_EQ(pair.a.counts().dropped, 0);
  EXPECT_EQ(pair.a.held_bytes(), 8 * 4);
}

TEST(Session, ADroppedEndIsStillAnEnd) {
  SessionPair pair = dropping_pair();
  send_all(pair, 0, 10);
  pair.a.end_at(12);
  pair.connect();
  EXPECT_EQ(pair.b.received_end(), 12U);
  pair.take_all();
  pair.b.commit(12, 0);
  pair.pump();
  EXPECT_TRUE(pair.a.is_drained());
}

TEST(Session, BothEndsMaySend) {
  SessionPair pair;
  pair.connect();
  pair.send(0);
  pair.b.send(test_frame(0), 0);
  pair.b.send(test_frame(1), 0);
  pair.pump();
  EXPECT_EQ(pair.take_all(), seqs_between(0, 1));
  EXPECT_TRUE(is_intact(pair.a.take(0).value()));
  EXPECT_EQ(pair.a.take(0)->seq, 1U);
  pair.a.commit(2, 0);
  pair.pump();
  EXPECT_EQ(pair.b.sent_committed(), 2U);
}

}  // namespace cleave
