// The connections of the world: what a bridge does with a session, one piece of bytes after the other.
#include <algorithm>
#include <utility>

#include "tests/support/sim_world.h"

namespace cleave {

namespace {

constexpr std::size_t kSocketBytes = 300;  // written and not yet read

// Whether the world gives cause for it. Of anything else a session is to blame, here or at the other end.
bool may_close(const std::string& why, bool has_damage) {
  for (const char* cause : {"the peer has fallen silent", "no answer to the greeting", "greeting again", "refused"}) {
    if (why.starts_with(cause)) return true;
  }
  for (const HeaderFault fault : {HeaderFault::magic, HeaderFault::version, HeaderFault::checksum}) {
    if (has_damage && why == to_text(fault)) return true;
  }
  return has_damage && why.ends_with("is damaged");
}

}  // namespace

void World::dial_later(std::size_t side) {
  if (std::exchange(sides_[side].will_dial, true)) return;
  schedule(random_.between(0.01, 0.2), EventKind::dial, side);
}

// The other node's newest process most often, else any that is alive.
std::size_t World::whom_to_dial(const Side& side) {
  const std::size_t node = side.sends ? side.hop + 1 : side.hop;
  std::vector<std::size_t> alive;
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    if (processes_[i].node == node && processes_[i].is_alive) alive.push_back(i);
  }
  if (alive.empty()) return kNone;
  const Process& peer = processes_[random_.chance(0.7) ? alive.back() : alive[random_.index(alive.size())]];
  return side.sends ? peer.in : peer.out;
}

void World::dial(std::size_t index) {
  Side& side = sides_[index];
  side.will_dial = false;
  if (!processes_[side.process].is_alive || side.session.state() == LinkState::refused) return;
  if (side.connection != kNone) drop(side.connection, 0);
  const std::size_t peer = whom_to_dial(side);
  if (peer == kNone) return dial_later(index);
  side.connection = connections_.size();
  SimConnection& c = connections_.emplace_back();
  c.side = {index, peer};
  for (SimPipe& pipe : c.pipe) pipe.latency_s = random_.between(0.0001, random_.chance(0.1) ? 0.3 : 0.01);
  note("{} dials {}: connection {}", name(side.process), name(sides_[peer].process), side.connection);
  side.session.on_connected(clock(side));
  say(index);
}

// An end is done with a connection; the other sees that behind what is on its way to it.
void World::drop(std::size_t connection, std::size_t end) {
  SimConnection& c = connections_[connection];
  Side& side = sides_[c.side[end]];
  if (std::exchange(c.is_open[end], false)) {
    c.pipe[end].break_after(c.pipe[end].pending(), false);
    send_pipe(connection, end);
  }
  if (side.connection != connection) return;
  side.connection = kNone;
  side.session.on_disconnected(clock(side));
  if (side.dials && processes_[side.process].is_alive) dial_later(c.side[end]);
}

void World::send_pipe(std::size_t connection, std::size_t writer) {
  SimPipe& pipe = connections_[connection].pipe[writer];
  if (pipe.is_scheduled || (pipe.pending() == 0 && !pipe.ends)) return;
  pipe.is_scheduled = true;
  schedule(std::max(pipe.latency_s, pipe.stalled_until_s - now_), EventKind::arrive, connection, writer);
}

void World::arrive(std::size_t connection, std::size_t writer) {
  SimConnection& c = connections_[connection];
  SimPipe& pipe = c.pipe[writer];
  const std::size_t reader = 1 - writer;
  pipe.is_scheduled = false;
  if (pipe.pending() == 0) {
    if (pipe.ends && !pipe.is_silent && c.is_open[reader]) drop(connection, reader);
    return;
  }
  const std::size_t count = random_.chance(0.5) ? pipe.pending() : 1 + random_.index(pipe.pending());
  const std::span<const std::byte> piece = std::span(pipe.bytes).subspan(pipe.head, count);
  c.inbox[reader].insert(c.inbox[reader].end(), piece.begin(), piece.end());
  pipe.head += count;
  if (pipe.pending() == 0) pipe.bytes.clear(), pipe.head = 0;
  read(connection, reader);
  send_pipe(connection, writer);
  step(sides_[c.side[reader]].process);
  if (sides_[c.side[writer]].connection == connection) say(c.side[writer]);  // there is room again
}

// The bytes that came are messages, as far as they are whole.
void World::read(std::size_t connection, std::size_t end) {
  SimConnection& c = connections_[connection];
  Side& side = sides_[c.side[end]];
  while (c.is_open[end] && processes_[side.process].is_alive && outcome_.fault.empty()) {
    MessageHeader header;
    std::shared_ptr<Buffer> payload;
    std::string fault;
    const std::int64_t most = kSimItemBytes * kSimMostItems;
    const SimRead got = read_message(c.inbox[end], side.options.edge, most, header, payload, fault);
    if (got == SimRead::incomplete) return;
    if (side.connection != connection) {  // the dialled end, which waits for the HELLO
      if (got == SimRead::damaged) return drop(connection, end);
      greet(connection, header, payload);
      continue;
    }
    if (got == SimRead::damaged) return obey(c.side[end], side.session.on_corrupt(fault, clock(side)));
    note("{} hears {} {} on {}", name(side.process), to_text(header.type), header.seq, connection);
    const Verdict verdict = side.session.on_message(header, std::move(payload), clock(side));
    if (header.type == MessageType::welcome && verdict == Verdict::keep) meet(side);
    obey(c.side[end], verdict);
  }
}

void World::greet(std::size_t connection, const MessageHeader& header, const std::shared_ptr<Buffer>& payload) {
  Side& side = sides_[connections_[connection].side[1]];
  std::optional<Greeting> hello;
  if (header.type == MessageType::hello && payload != nullptr) {
    const std::span<const std::byte> body = std::as_const(*payload).bytes();
    if (crc32c(body) == header.body_crc) hello = decode_greeting(body);
  }
  if (!hello) return drop(connection, 1);
  std::optional<Refusal> refusal;
  if (side.session.on_hello(*hello, clock(side), refusal) != Verdict::keep) return refuse(connection, *refusal);
  if (side.connection != kNone) ++outcome_.counts.superseded;
  const std::size_t old = std::exchange(side.connection, connection);
  if (old != kNone) drop(old, 1);
  meet(side);
}

void World::refuse(std::size_t connection, const Refusal& refusal) {
  SimConnection& c = connections_[connection];
  const Side& side = sides_[c.side[1]];
  note("{} refuses connection {}: {}", name(side.process), connection, refusal.text);
  const std::vector<std::byte> body = encode_refusal(refusal);
  const MessageHeader header{.type = MessageType::refuse,
                             .edge = side.options.edge,
                             .length = static_cast<std::uint32_t>(body.size()),
                             .body_crc = crc32c(body)};
  write_message(c.pipe[1], {header, nullptr, body});
  drop(connection, 1);
}

void World::meet(Side& side) {
  const Greeting& peer = side.session.peer();
  note("{} meets {} {}", name(side.process), peer.device, peer.incarnation);
  const bool another = side.met_boot_id != 0 && peer.boot_id != side.met_boot_id;
  if (peer.incarnation < side.met_incarnation || (peer.incarnation == side.met_incarnation && another)) {
    fail("{} takes up with a zombie of {}", name(side.process), peer.device);
  }
  side.met_incarnation = peer.incarnation;
  side.met_boot_id = peer.boot_id;
  Process& p = processes_[side.process];
  if (plant_ == SimPlant::redeliver && p.out == kNone && !p.held) p.held = std::exchange(p.last, std::nullopt);
}

void World::obey(std::size_t index, Verdict verdict) {
  if (verdict == Verdict::keep) return;
  Side& side = sides_[index];
  const std::string& why = side.session.why();
  note("{} closes {}: {}", name(side.process), side.connection, why);
  if (!may_close(why, outcome_.counts.flips > 0)) fail("{} closes a connection: {}", name(side.process), why);
  say(index);  // perhaps a refusal
  if (side.connection != kNone) drop(side.connection, connections_[side.connection].side[0] == index ? 0 : 1);
}

void World::say(std::size_t index) {
  Side& side = sides_[index];
  if (side.connection == kNone || !processes_[side.process].is_alive) return;
  SimConnection& c = connections_[side.connection];
  const std::size_t end = c.side[0] == index ? 0 : 1;
  while (c.pipe[end].pending() < kSocketBytes) {
    std::optional<Outgoing> message = side.session.next_output(clock(side));
    if (!message) break;
    spoil(*message, side);
    write_message(c.pipe[end], *message);
  }
  send_pipe(side.connection, end);
}

// The receiver of a hop may greet as if it had fewer frames than it has: then it gets some for a second time. As a
// planted mistake it greets, not for the first time, as if it had one more.
void World::spoil(Outgoing& message, const Side& side) {
  if (message.header.type != MessageType::welcome && message.header.type != MessageType::hello) return;
  if (side.sends) return;
  Greeting greeting = decode_greeting(message.control).value();
  const bool skip = plant_ == SimPlant::skip_replay && side.session.counts().connects > 1;
  const std::uint64_t uncommitted = greeting.next - greeting.committed;
  std::uint64_t back = random_.chance(0.3) ? random_.index(uncommitted + 1) : 0;
  if (skip) back = ~std::uint64_t{0};
  greeting.next -= back, greeting.credit_seq -= back;
  message.control = encode_greeting(greeting);
  message.header.body_crc = crc32c(message.control);
}

}  // namespace cleave
