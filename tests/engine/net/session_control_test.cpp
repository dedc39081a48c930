// Control edges under any order of events: both ends send, lose connections, and start anew. What counts is what the
// two processes say to each other since they met.
#include <gtest/gtest.h>

#include "engine/net/session.h"
#include "tests/support/session_pair.h"
#include "tests/support/sim_net.h"

namespace cleave {

namespace {

constexpr std::uint64_t kSeeds = 300;
constexpr int kSteps = 400;

SessionOptions control_options(const std::string& device, std::uint64_t boot_id) {
  SessionOptions options = edge_options(device);
  options.reset_on_new_peer = true;
  options.boot_id = boot_id;
  return options;
}

// What the owner of a session knows: it has sent so many frames, and taken so many, since it met this peer.
struct Owner {
  std::uint64_t boot_id = 0, sent = 0, taken = 0;
  std::int64_t changes = 0;

  void look_at(const Session& session) {
    if (session.peer_changes() == changes) return;
    changes = session.peer_changes();
    sent = taken = 0;
  }
};

struct ControlWorld {
  SimRandom random;
  std::uint64_t boots = 2;
  SessionPair pair{control_options("a", 1), control_options("b", 2)};
  Owner of_a{.boot_id = 1}, of_b{.boot_id = 2};

  // The tag says who sent a frame, and which of its frames it is.
  void send(Session& from, Owner& owner) {
    if (!from.send({0, owner.boot_id << 32 | owner.sent, 0, test_payload(0)}, pair.now)) return;
    ++owner.sent;
  }

  void take(Session& to, Owner& owner) {
    const std::optional<WireFrame> frame = to.take(pair.now);
    if (!frame) return;
    EXPECT_EQ(frame->seq, owner.taken);
    EXPECT_EQ(frame->tag, to.peer().boot_id << 32 | owner.taken) << "a frame of another process, or another frame";
    to.commit(++owner.taken, pair.now);
  }

  void restart(Session& session, Owner& owner, const std::string& device) {
    pair.disconnect();
    owner = {.boot_id = ++boots};
    session = Session(control_options(device, boots));
  }

  void redial() {
    pair.disconnect();
    pair.a.on_connected(pair.now);
  }

  void step() {
    switch (random.below(20)) {
      case 0: restart(pair.a, of_a, "a"); break;
      case 1: restart(pair.b, of_b, "b"); break;
      case 2:
      case 3: redial(); break;
      case 4:
      case 5: pair.say_a(); break;
      case 6:
      case 7: pair.say_b(); break;
      case 8:
      case 9: pair.hear_a(); break;
      case 10:
      case 11: pair.hear_b(); break;
      case 12:
      case 13: send(pair.a, of_a); break;
      case 14:
      case 15: send(pair.b, of_b); break;
      case 16:
      case 17: take(pair.a, of_a); break;
      default: take(pair.b, of_b); break;
    }
    of_a.look_at(pair.a);
    of_b.look_at(pair.b);
    EXPECT_EQ(pair.at_a, Verdict::keep) << pair.a.why();
    EXPECT_EQ(pair.at_b, Verdict::keep) << pair.b.why();
  }

  // Lets everything arrive that was sent.
  void finish() {
    pair.disconnect();
    pair.connect();
    of_a.look_at(pair.a);
    of_b.look_at(pair.b);
    for (int i = 0; i < kSteps; ++i) {
      take(pair.a, of_a), take(pair.b, of_b);
      pair.pump();
    }
    EXPECT_EQ(of_b.taken, of_a.sent);
    EXPECT_EQ(of_a.taken, of_b.sent);
  }
};

}  // namespace

TEST(SessionControl, EndsThatComeAndGoHearEachOtherFromTheBeginning) {
  for (std::uint64_t seed = 0; seed < kSeeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    ControlWorld world{.random = {seed}};
    for (int i = 0; i < kSteps && !testing::Test::HasFailure(); ++i) world.step();
    world.finish();
  }
}

}  // namespace cleave
