// The world as a whole: how it is made, when it is done, and what happens to it.
#include "tests/support/session_sim.h"

#include <array>

#include "tests/support/sim_world.h"

namespace cleave {

namespace {

constexpr double kAccidents_s = 1.5;  // they happen before it …
constexpr double kBound_s = 30;       // … and so long after them all must be done

}  // namespace

World::World(std::uint64_t seed, SimPlant plant, bool trace)
    : random_{seed * 2 + 1}, plant_(plant), trace_(trace), seed_(seed), drops_(seed % 5 == 4) {
  const std::size_t stages = 2 + random_.index(3);
  frames_ = static_cast<std::uint64_t>(5 + random_.below(40));
  for (std::size_t h = 0; h <= stages; ++h) {
    Hop hop;
    hop.receiver_dials = random_.chance(0.25);
    SessionOptions& o = hop.options;
    o.edge = 1000 + h;
    o.item_bytes = kSimItemBytes, o.most_items = kSimMostItems;
    o.window_frames = 1 + random_.below(5);
    o.window_bytes = 20 + random_.below(100);
    o.keep_frames = 2 + random_.below(30);
    o.ack_frames = 1 + random_.below(8);
    o.drop_oldest = drops_;
    o.sum_bodies = plant_ != SimPlant::unsummed;
    o.ping_s = 0.1, o.suspect_s = 0.25, o.dead_s = 0.5;
    hops_.push_back(hop);
  }
  incarnations_.assign(nodes(), plant_ == SimPlant::lower_incarnation ? 100 : 0);
  newest_.assign(nodes(), kNone);
  for (std::size_t node = 0; node < nodes(); ++node) schedule(random_.between(0, 0.1), EventKind::start, node);
  const std::int64_t accidents = random_.below(12);
  for (std::int64_t i = 0; i < accidents; ++i) schedule(random_.between(0, kAccidents_s), EventKind::accident, 0);
}

SimOutcome World::run() {
  while (outcome_.fault.empty() && !is_done()) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.at_s;
    ++outcome_.counts.events;
    if (now_ > kAccidents_s + kBound_s) fail("not done: the sink has {} of {} frames", log_, frames_);
    else handle(event);
  }
  const bool lost_state = outcome_.counts.crashes + outcome_.counts.zombies > 0;
  if (owed_marker_ && !lost_state) fail("a marker was dropped");
  outcome_.seconds = now_;
  count_up();
  return outcome_;
}

// The sink has everything and knows that it is everything, and the source knows, too.
bool World::is_done() const {
  const std::size_t source = newest_.front(), sink = newest_.back();
  if (log_ != frames_ || source == kNone || sink == kNone) return false;
  return processes_[source].is_alive && sides_[processes_[source].out].session.is_drained() &&
         sides_[processes_[sink].in].session.received_end() == frames_;
}

void World::count_up() {
  SimCounts& sum = outcome_.counts;
  for (const Side& side : sides_) {
    const SessionCounts& counts = side.session.counts();
    sum.frames += counts.frames_received;
    sum.resent += counts.frames_resent;
    sum.duplicates += counts.duplicates;
    sum.corrupt += counts.corrupt;
    sum.connects += counts.connects;
    sum.dropped += counts.dropped;
  }
}

void World::handle(const Event& event) {
  switch (event.kind) {
    case EventKind::start: return start_process(event.which);
    case EventKind::tick: return tick(event.which);
    case EventKind::step: return step(event.which);
    case EventKind::end: return end_process(event.which);
    case EventKind::dial: return dial(event.which);
    case EventKind::arrive: return arrive(event.which, event.end);
    case EventKind::accident: return cause_accident();
  }
}

std::size_t World::some_process(bool stages_only) {
  std::vector<std::size_t> found;
  for (const std::size_t p : newest_) {
    if (p == kNone || !processes_[p].is_alive) continue;
    if (!stages_only || (processes_[p].in != kNone && processes_[p].out != kNone)) found.push_back(p);
  }
  return found.empty() ? kNone : found[random_.index(found.size())];
}

std::size_t World::some_connection() {
  std::vector<std::size_t> found;
  for (const Side& side : sides_) {
    if (side.connection != kNone) found.push_back(side.connection);
  }
  return found.empty() ? kNone : found[random_.index(found.size())];
}

void World::cut(std::size_t connection) {
  const bool unnoticed = random_.chance(0.3);
  note("connection {} is cut{}", connection, unnoticed ? ", and nobody notices" : "");
  ++outcome_.counts.cuts;
  for (const std::size_t end : {0, 1}) {
    connections_[connection].pipe[end].break_after(random_.index(400), unnoticed);
    send_pipe(connection, end);
  }
}

// While the connection it has goes on.
void World::dial_again() {
  std::vector<std::size_t> dialling;
  for (std::size_t i = 0; i < sides_.size(); ++i) {
    if (sides_[i].dials && sides_[i].connection != kNone) dialling.push_back(i);
  }
  if (dialling.empty()) return;
  ++outcome_.counts.redials;
  dial(dialling[random_.index(dialling.size())]);
}

void World::trouble_process(std::int64_t kind) {
  SimCounts& counts = outcome_.counts;
  const std::size_t which = some_process(kind == 2);
  if (which == kNone) return;
  Process& p = processes_[which];
  if (kind < 2) {
    ++counts.crashes;
    end_process(which);
    schedule(random_.between(0.01, 1), EventKind::start, p.node);
  } else if (kind == 2) {
    note("{} is a zombie", name(which));
    ++counts.zombies;
    schedule(0, EventKind::start, p.node);
    schedule(random_.between(0.5, 5), EventKind::end, which);
  } else if (kind == 3) {
    ++counts.jumps;
    p.clock_s += random_.between(0.01, 3);
  } else {
    ++counts.slow;
    p.cost_s = random_.between(0.03, 0.2);
  }
}

void World::cause_accident() {
  SimCounts& counts = outcome_.counts;
  const std::int64_t kind = random_.below(11);
  if (kind >= 6) return trouble_process(kind - 6);
  if (kind == 5) return dial_again();
  const std::size_t which = some_connection();
  if (which == kNone) return;
  if (kind < 3) return cut(which);
  SimPipe& pipe = connections_[which].pipe[random_.index(2)];
  if (kind == 3) {
    ++counts.stalls;
    pipe.stalled_until_s = now_ + random_.between(0.05, 1.5);
  } else if (counts.flips < 2) {  // the third within a minute would rightly end the session
    ++counts.flips;
    pipe.flips = random_.index(400);
  }
}

const char* to_text(SimPlant plant) {
  constexpr std::array kNames = {"none",         "redeliver",         "skip_replay",
                                 "commit_early", "equal_incarnation", "lower_incarnation",
                                 "short_log",    "unsummed",          "late_end"};
  return kNames.at(static_cast<std::size_t>(plant));
}

SimOutcome simulate_sessions(std::uint64_t seed, SimPlant plant, bool trace) { return World(seed, plant, trace).run(); }

}  // namespace cleave
