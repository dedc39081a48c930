// The processes of the world: what they compute, what they hand on, and what they may never do.
#include <algorithm>
#include <cstring>

#include "tests/support/sim_world.h"

namespace cleave {

namespace {

constexpr std::uint32_t kStageAdds = 40503;

// Every 13th or so has missed its deadline.
bool is_expired(std::uint64_t seed, std::uint64_t seq) { return (seed ^ seq * 0x9E37) % 13 == 0; }
bool is_marker(std::uint64_t seq) { return seq % 10 == 9; }

// Frame `seq` behind so many stages: no two frames are alike, nor one before and behind a stage.
WireFrame frame_of(std::uint64_t seed, std::uint64_t seq, std::size_t stages) {
  const std::uint8_t marker = is_marker(seq) ? kFlagMarker : std::uint8_t{0};
  if (is_expired(seed, seq)) return {seq, seq * 3, static_cast<std::uint8_t>(marker | kFlagExpired), nullptr};
  const std::size_t words = 1 + seq % kSimMostItems;
  const std::shared_ptr<Buffer> payload = std::make_shared<Buffer>(static_cast<std::int64_t>(words) * kSimItemBytes);
  for (std::size_t i = 0; i < words; ++i) {
    const std::uint32_t word = static_cast<std::uint32_t>(seq * 2654435761U + i * 97 + stages * kStageAdds);
    std::memcpy(payload->bytes().data() + i * kSimItemBytes, &word, sizeof word);
  }
  return {seq, seq * 3, marker, payload};
}

// What a stage computes.
Payload next_payload(const Payload& before) {
  if (before == nullptr) return nullptr;
  const std::shared_ptr<Buffer> after = std::make_shared<Buffer>(before->size());
  for (std::int64_t at = 0; at < before->size(); at += kSimItemBytes) {
    std::uint32_t word = 0;
    std::memcpy(&word, before->bytes().data() + at, sizeof word);
    word += kStageAdds;
    std::memcpy(after->bytes().data() + at, &word, sizeof word);
  }
  return after;
}

bool is_same(const WireFrame& a, const WireFrame& b) {
  if (a.tag != b.tag || (a.payload == nullptr) != (b.payload == nullptr)) return false;
  return a.payload == nullptr || std::ranges::equal(a.payload->bytes(), b.payload->bytes());
}

}  // namespace

void World::start_process(std::size_t node) {
  const std::size_t index = processes_.size();
  const bool same = plant_ == SimPlant::equal_incarnation && newest_[node] != kNone;
  if (!same) incarnations_[node] += plant_ == SimPlant::lower_incarnation ? ~std::uint64_t{0} : 1;
  newest_[node] = index;
  Process& p = processes_.emplace_back();
  p.node = node;
  p.incarnation = incarnations_[node];
  p.cost_s = random_.between(0, 0.03);
  note("{} starts", name(index));
  if (node > 0) p.in = add_side(index, node - 1, false);
  if (node + 1 < nodes()) p.out = add_side(index, node, true);
  if (node == 0 && !drops_) sides_[p.out].session.end_at(frames_);
  if (node + 1 == nodes()) {
    const bool is_short = plant_ == SimPlant::short_log && log_ > 0;
    sides_[p.in].session.expect_from(log_ - (is_short ? 1 : 0));
  }
  schedule(0, EventKind::tick, index);
}

std::size_t World::add_side(std::size_t process, std::size_t hop, bool sends) {
  const Process& p = processes_[process];
  SessionOptions options = hops_[hop].options;
  options.device = fmt::format("n{}", p.node);
  options.peer = fmt::format("n{}", sends ? p.node + 1 : p.node - 1);
  options.incarnation = p.incarnation;
  options.boot_id = 1 + process;
  const bool dials = sends != hops_[hop].receiver_dials;
  sides_.push_back({.process = process,
                    .hop = hop,
                    .sends = sends,
                    .dials = dials,
                    .options = options,
                    .session = Session(options)});
  if (dials) dial_later(sides_.size() - 1);
  return sides_.size() - 1;
}

void World::end_process(std::size_t process) {
  Process& p = processes_[process];
  if (!p.is_alive) return;
  note("{} ends", name(process));
  p.is_alive = false;
  const bool without_power = random_.chance(0.3);  // then nobody hears of it
  for (const std::size_t side : {p.in, p.out}) {
    if (side == kNone || sides_[side].connection == kNone) continue;
    SimConnection& c = connections_[sides_[side].connection];
    const std::size_t end = c.side[0] == side ? 0 : 1;
    c.pipe[end].break_after(random_.index(c.pipe[end].pending() + 1), without_power);
    drop(sides_[side].connection, end);
  }
}

void World::tick(std::size_t process) {
  const Process& p = processes_[process];
  if (!p.is_alive) return;
  for (const std::size_t side : {p.in, p.out}) {
    if (side == kNone || sides_[side].connection == kNone) continue;
    obey(side, sides_[side].session.on_tick(clock(sides_[side])));
  }
  step(process);
  schedule(random_.between(0.03, 0.06), EventKind::tick, process);
}

// Does all that the process can do now.
void World::step(std::size_t process) {
  Process& p = processes_[process];
  const auto work = [&] { return p.in == kNone ? step_source(p) : p.out == kNone ? step_sink(p) : step_stage(p); };
  while (p.is_alive && outcome_.fault.empty() && work()) {}
  for (const std::size_t side : {p.in, p.out}) {
    if (side != kNone) say(side);
  }
  if (p.is_alive) check(process);
}

bool World::step_source(Process& p) {
  Side& to = sides_[p.out];
  if (p.made == frames_ && drops_) to.session.end_at(frames_);
  if (p.made == frames_ || !to.session.can_send() || now_ < p.held_until_s) return false;
  to.session.send(frame_of(seed_, p.made++, 0), clock(to));
  p.held_until_s = now_ + p.cost_s / 2;
  schedule(p.cost_s / 2, EventKind::step, to.process);
  return true;
}

// Takes a frame and works on it for a while.
bool World::take(Process& p) {
  Side& from = sides_[p.in];
  p.held = from.session.take(clock(from));
  if (!p.held) return false;
  p.held_until_s = now_ + p.cost_s;
  schedule(p.cost_s, EventKind::step, from.process);
  return true;
}

bool World::step_stage(Process& p) {
  Side &from = sides_[p.in], &to = sides_[p.out];
  const bool early = plant_ == SimPlant::commit_early;
  from.session.commit(early ? from.session.received_next() : to.session.sent_committed(), clock(from));
  to.session.start_at(from.session.received_committed());
  if (!p.held && take(p)) return true;
  if (!p.held) {  // with drop_oldest the end is to be told behind the last frame
    const std::optional<std::uint64_t> end = from.session.received_end();
    if (end) to.session.end_at(*end + (plant_ == SimPlant::late_end ? 1 : 0));
    return false;
  }
  if (now_ < p.held_until_s || !to.session.can_send()) return false;
  p.held->payload = next_payload(p.held->payload);
  to.session.send(*std::exchange(p.held, std::nullopt), clock(to));
  return true;
}

bool World::step_sink(Process& p) {
  Side& from = sides_[p.in];
  if (!p.held && take(p)) return true;
  if (!p.held) {
    if (!drops_ || from.session.received_end() != frames_) return false;
    log_ = frames_;  // what is missing was dropped
    from.session.commit(frames_, clock(from));
    return false;
  }
  if (now_ < p.held_until_s) return false;
  write_log(*p.held);
  from.session.commit(p.held->seq + 1, clock(from));
  p.last = std::exchange(p.held, std::nullopt);
  return true;
}

void World::write_log(const WireFrame& frame) {
  note("the sink has frame {}", frame.seq);
  if (frame.seq < log_ || (frame.seq > log_ && !drops_)) {
    return fail("the sink gets frame {}, {} is next", frame.seq, log_);
  }
  if (!is_same(frame, frame_of(seed_, frame.seq, hops_.size() - 1))) return fail("frame {} is changed", frame.seq);
  for (std::uint64_t seq = log_; seq <= frame.seq; ++seq) owed_marker_ = owed_marker_ || is_marker(seq);
  if ((frame.flags & kFlagMarker) != 0) owed_marker_ = false;
  log_ = frame.seq + 1;
}

void World::check(std::size_t process) {
  const Process& p = processes_[process];
  for (const std::size_t index : {p.in, p.out}) {
    if (index == kNone) continue;
    const Side& side = sides_[index];
    const SessionOptions& o = side.options;
    const std::int64_t most_bytes = kSimItemBytes * kSimMostItems;
    const std::int64_t bound = side.sends
                                   ? std::max({o.keep_frames, o.window_frames, std::int64_t{2}}) * most_bytes
                                   : std::min(o.window_frames * most_bytes, std::max(o.window_bytes, most_bytes));
    if (side.session.held_bytes() > bound) fail("{} holds {} bytes", name(process), side.session.held_bytes());
    const std::uint64_t said = side.sends ? side.session.sent_committed() : side.session.received_committed();
    if (said > log_) fail("{} says that {} frames are committed, the sink has {}", name(process), said, log_);
    if (side.session.state() != LinkState::refused) continue;
    if (!is_zombie(process)) return fail("{} gives up: {}", name(process), side.session.why());
    ++outcome_.counts.zombies_refused;
    return end_process(process);
  }
}

}  // namespace cleave
