// One generation is a plan on its workers: a coordinator, the bridges that feed the first stages and those that bring
// the answers. A feeder thread asks the source and feeds; the caller's thread takes answers, shows them to the sink and
// then says that they are safe (`commit`). A frame is kept until then.
//
// When a device is given up, the generation is dropped and another made from the plan without it. It begins with the
// first frame the sink has not seen, from the frames kept.
#include "engine/runtime/swarm_flow.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "engine/net/sha256.h"
#include "engine/runtime/edge_bridge.h"
#include "engine/runtime/worker.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A frame that was fed and is not yet safe.
struct Kept {
  std::int64_t count = 0;
  std::vector<Payload> payloads;  // by feed
};

// A plan on its workers.
struct Generation {
  Plan plan;
  Assignment assignment;
  Sharding sharding;
  std::vector<ControlMessage> weights;  // by stage
  std::vector<std::unique_ptr<Bridge>> feeds, answers;
  std::unique_ptr<Coordinator> coordinator;
};

}  // namespace

struct SwarmFlow::State {
  State(const Graph& model, const Weights& model_weights, std::vector<NodeId> wanted_nodes, SwarmSetup swarm,
        const std::atomic<bool>& stop_flag)
      : graph(model),
        weights(model_weights),
        wanted(std::move(wanted_nodes)),
        setup(std::move(swarm)),
        stop(stop_flag) {}

  const Graph& graph;
  const Weights& weights;
  std::vector<NodeId> wanted;
  SwarmSetup setup;
  const std::atomic<bool>& stop;
  std::int64_t in_flight = 1;

  std::unique_ptr<Generation> generation;
  std::vector<std::string> gone;
  std::vector<Json> counts;  // by stage, what it said last; under `gate`
  SwarmReport report;

  // The feeder and the sink.
  mutable std::mutex gate;
  std::condition_variable changed;
  std::deque<Kept> kept;  // frames from `safe` on
  std::int64_t safe = 0;  // frames before it were seen by the sink
  std::int64_t fed = 0;   // frames before it were given to this generation
  std::int64_t end = -1;  // the source ended there; -1 = not yet
  bool hurry = false;     // the feeder is to return
  std::exception_ptr source_error;
  void make_generation(const Plan& plan);
  void make_bridges();
  std::vector<ControlMessage> work_for(int member, std::uint64_t incarnation);
  void drop_generation();
  void replace_gone();
  void feed(const FrameSource& source);
  bool read_frame(const FrameSource& source, Tensor& input);
  bool feed_next();
  bool take_answers(Frame& frame, std::int64_t& count, std::uint8_t& flags);
  std::optional<WireFrame> wait_for(Bridge& bridge);
};

// Sends the coordinator's part of an edge to the stage at its other end.
void SwarmFlow::State::make_bridges() {
  Generation& g = *generation;
  const EdgeEnd own{kCoordinator, random_id(), static_cast<std::uint64_t>(g.assignment.run_key >> 1)};
  const auto make = [&](const ShardEdge& edge, bool is_sender) {
    BridgeOptions options = edge_bridge(g.assignment, g.sharding, edge, own, is_sender);
    options.dial = setup.addresses.at(options.session.peer);
    options.tls = setup.tls;
    options.log = setup.link_log;
    options.session.keep_frames = in_flight + 2;
    auto bridge = std::make_unique<Bridge>(std::move(options));
    if (is_sender) bridge->start_at(static_cast<std::uint64_t>(safe));
    else bridge->expect_from(static_cast<std::uint64_t>(safe));
    bridge->start();
    return bridge;
  };
  for (const ShardEdge& edge : g.sharding.feeds) g.feeds.push_back(make(edge, true));
  for (const ShardEdge& edge : g.sharding.answers) g.answers.push_back(make(edge, false));
}

void SwarmFlow::State::make_generation(const Plan& plan) {
  generation = std::make_unique<Generation>();
  Generation& g = *generation;
  g.plan = plan;
  std::vector<std::string> names;
  for (const NodeId id : wanted) names.push_back(graph.node(id).name);
  g.assignment = assignment_of(setup, plan, "infer", names);
  in_flight = g.assignment.keep_frames - 2;
  g.sharding = make_shards(graph, weights, plan, g.assignment.devices, wanted, false, setup.batch);
  for (Shard& shard : g.sharding.shards) {
    g.weights.push_back({ControlKind::weights, shard_weights_bytes(shard)});
    shard.part.weights.clear();
  }
  counts.assign(plan.stages.size(), Json());
  fed = safe;
  CoordinatorOptions options;
  options.members = members_of(setup, g.assignment);
  options.tls = setup.tls;
  options.connect_s = setup.connect_s;
  options.dead_s = setup.dead_s;
  options.work = [this](int member, std::uint64_t incarnation) { return work_for(member, incarnation); };
  options.told = [this](int member, const ControlMessage& message) {
    if (message.kind == ControlKind::want)
      generation->coordinator->send(member, generation->weights[static_cast<std::size_t>(member)]);
    if (message.kind != ControlKind::counts && message.kind != ControlKind::done) return;
    const std::lock_guard lock(gate);
    counts[static_cast<std::size_t>(member)] = Json::parse(message.text());
  };
  options.look = setup.look;
  options.log = setup.log;
  options.link_log = setup.link_log;
  options.failed = [this] { changed.notify_all(); };
  g.coordinator = std::make_unique<Coordinator>(std::move(options));
  make_bridges();
}

std::vector<ControlMessage> SwarmFlow::State::work_for(int member, std::uint64_t incarnation) {
  Generation& g = *generation;
  Assignment assignment = for_stage(g.assignment, setup, member);
  assignment.incarnation = incarnation;
  assignment.weights_hash = hex_of(sha256(g.weights[static_cast<std::size_t>(member)].body));
  {
    const std::lock_guard lock(gate);
    assignment.first = static_cast<std::uint64_t>(safe);
  }
  return {control_message(ControlKind::assign, to_json(assignment)),
          control_message(ControlKind::model, setup.model_text), control_message(ControlKind::begin, "")};
}

void SwarmFlow::State::drop_generation() {
  if (generation == nullptr) return;
  for (const auto& bridge : generation->feeds) bridge->stop();
  for (const auto& bridge : generation->answers) bridge->stop();
  generation->coordinator.reset();
  generation.reset();
}

// Reads the next frame of the source into `kept`; false at its end.
bool SwarmFlow::State::read_frame(const FrameSource& source, Tensor& input) {
  std::int64_t seq = 0, count = 0;
  {
    const std::lock_guard lock(gate);
    seq = safe + static_cast<std::int64_t>(kept.size());
  }
  if (!stop) count = source(seq, input.view());
  Kept frame{count, {}};
  for (const ShardEdge& edge : generation->sharding.feeds) {
    const auto buffer = std::make_shared<Buffer>(std::max<std::int64_t>(count, 0) * edge.item_bytes);
    if (count > 0) pack_samples({count, &input.shape, input.data.data()}, edge.type.dtype, buffer->bytes());
    frame.payloads.push_back(buffer);
  }
  const std::lock_guard lock(gate);
  if (count <= 0) end = seq;
  else kept.push_back(std::move(frame));
  changed.notify_all();
  return count > 0;
}

// Gives the next kept frame to the first stages; false when the generation is over.
bool SwarmFlow::State::feed_next() {
  WireFrame frame;
  std::vector<Payload> payloads;
  {
    const std::lock_guard lock(gate);
    frame.seq = static_cast<std::uint64_t>(fed);
    payloads = kept[static_cast<std::size_t>(fed - safe)].payloads;
    ++fed;
  }
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    frame.payload = payloads[i];
    if (!generation->feeds[i]->send(frame)) return false;
  }
  return true;
}

void SwarmFlow::State::feed(const FrameSource& source) {
  Tensor input(setup.batch, graph.nodes.front().type.shape);
  try {
    for (;;) {
      bool is_read = false;
      {
        std::unique_lock lock(gate);
        changed.wait(lock, [&] { return hurry || fed - safe < in_flight; });
        if (hurry) return;
        if (end >= 0 && fed == end) break;
        is_read = fed - safe < static_cast<std::int64_t>(kept.size());
      }
      if (!is_read && !read_frame(source, input)) continue;
      if (!feed_next()) return;
    }
    for (const auto& bridge : generation->feeds) bridge->end_at(static_cast<std::uint64_t>(end));
  } catch (...) {
    const std::lock_guard lock(gate);
    source_error = std::current_exception();
    end = safe + static_cast<std::int64_t>(kept.size());
    changed.notify_all();
  }
}

// Waits for the next answer, looking after the swarm meanwhile. Nothing when the plan has to change. Once the run is
// stopped, what is under way may take ten seconds from one answer to the next.
std::optional<WireFrame> SwarmFlow::State::wait_for(Bridge& bridge) {
  constexpr double kLookS = 0.1, kStopS = 10;
  for (double stopped_s = 0;;) {
    if (std::optional<WireFrame> frame = bridge.receive(kLookS)) return frame;
    generation->coordinator->check();
    stopped_s += stop ? kLookS : 0;
    if (stopped_s > kStopS)
      throw Interrupted(
          fmt::format("stopped after {} frames; those under way did not come within {:.0f} s", safe, kStopS));
    const BridgeStatus status = bridge.status();
    if (status.failed) throw RunError(fmt::format("{}: {}", bridge.name(), status.why), ExitCode::unreachable);
    const std::lock_guard lock(gate);
    if (end >= 0 && safe == end) return std::nullopt;
    if (!setup.replan) continue;
    for (const MemberStatus& member : generation->coordinator->status())
      if (member.lost_s > setup.gone_s) return std::nullopt;
  }
}

bool SwarmFlow::State::take_answers(Frame& frame, std::int64_t& count, std::uint8_t& flags) {
  Generation& g = *generation;
  count = 0;
  for (std::size_t i = 0; i < g.answers.size(); ++i) {
    const std::optional<WireFrame> answer = wait_for(*g.answers[i]);
    if (!answer) return false;
    const ShardEdge& edge = g.sharding.answers[i];
    const NodeId node = wanted[i];
    assert(answer->seq == static_cast<std::uint64_t>(safe));
    flags |= answer->flags;
    count = answer->payload->size() / edge.item_bytes;
    const TensorView whole = frame.whole_slot(node);
    unpack_samples(answer->payload->bytes(), edge.type.dtype, {count, whole.shape, whole.data});
  }
  return true;
}

void SwarmFlow::State::replace_gone() {
  const std::vector<MemberStatus> members = generation->coordinator->status();
  for (std::size_t i = 0; i < members.size(); ++i)
    if (members[i].lost_s > setup.gone_s) gone.push_back(generation->assignment.device_of(static_cast<int>(i)));
  const std::optional<Plan> plan = setup.replan(gone);
  if (!plan)
    throw RunError(fmt::format("{} did not come back and no plan fits without: {} frames were answered",
                               fmt::join(gone, ", "), safe),
                   ExitCode::unreachable);
  setup.log(fmt::format("{} did not come back after {:.0f} s: going on with {} devices", fmt::join(gone, ", "),
                        setup.gone_s, plan->stages.size()));
  drop_generation();
  ++report.replans;
  make_generation(*plan);
  generation->coordinator->wait_ready(stop);
}

SwarmFlow::SwarmFlow(const Graph& graph, const Weights& weights, const Plan& plan, std::vector<NodeId> wanted,
                     SwarmSetup setup, const std::atomic<bool>& stop)
    : state_(std::make_unique<State>(graph, weights, std::move(wanted), std::move(setup), stop)) {
  state_->make_generation(plan);
}

SwarmFlow::~SwarmFlow() { state_->drop_generation(); }

std::int64_t SwarmFlow::in_flight() const { return state_->in_flight; }
const Sharding& SwarmFlow::sharding() const { return state_->generation->sharding; }

void SwarmFlow::start() { state_->generation->coordinator->wait_ready(state_->stop); }

RunReport SwarmFlow::run(const FrameSource& source, const FrameSink& sink) {
  State& s = *state_;
  const Clock::time_point began = Clock::now();
  Frame frame(s.graph, s.setup.batch);
  RunReport report;
  std::thread feeder;
  const auto end_feeder = [&] {
    {
      const std::lock_guard lock(s.gate);
      s.hurry = true;
    }
    s.changed.notify_all();
    for (const auto& bridge : s.generation->feeds) bridge->stop();
    if (feeder.joinable()) feeder.join();
    s.hurry = false;
  };
  const auto start_feeder = [&] { feeder = std::thread([&s, &source] { s.feed(source); }); };
  start_feeder();
  try {
    for (;;) {
      std::int64_t count = 0;
      std::uint8_t flags = 0;
      {
        const std::lock_guard lock(s.gate);
        if (s.end >= 0 && s.safe == s.end) break;
      }
      if (!s.take_answers(frame, count, flags)) {
        {
          const std::lock_guard lock(s.gate);
          if (s.end >= 0 && s.safe == s.end) break;
        }
        end_feeder();
        s.replace_gone();
        start_feeder();
        continue;
      }
      frame.seq = s.safe;
      frame.count = count;
      sink({s.safe, count, &frame});
      ++report.frames;
      report.samples += count;
      {
        const std::lock_guard lock(s.gate);
        s.kept.pop_front();
        ++s.safe;
      }
      s.changed.notify_all();
      for (const auto& bridge : s.generation->answers) bridge->commit(static_cast<std::uint64_t>(s.safe));
    }
  } catch (...) {
    end_feeder();
    throw;
  }
  if (feeder.joinable()) feeder.join();
  if (s.source_error != nullptr) std::rethrow_exception(s.source_error);
  constexpr double kDrainS = 10;
  if (report.frames > 0 && !s.generation->coordinator->wait_done(kDrainS))
    s.setup.log("the workers did not all finish in time; every answer is here");
  report.stopped = s.stop;
  report.seconds = seconds_since(began);
  return report;
}

SwarmReport SwarmFlow::report() const {
  const State& s = *state_;
  SwarmReport report = s.report;
  const std::vector<MemberStatus> members = s.generation->coordinator->status();
  const auto edge_of = [](const Json& json, const ShardEdge& edge) {
    return EdgeReport{json.at("name"),   edge.from,           edge.to,           json.at("frames"), json.at("bytes"),
                      json.at("resent"), json.at("connects"), json.at("busy_s"), json.at("wait_s")};
  };
  const std::lock_guard lock(s.gate);
  for (std::size_t i = 0; i < s.counts.size(); ++i) {
    StageReport stage{s.generation->assignment.device_of(static_cast<int>(i)), 0, 0, 0, members[i].incarnation};
    const Json& json = s.counts[i];
    const Shard& shard = s.generation->sharding.shards[i];
    if (!json.is_null()) {
      stage.frames = json.at("frames");
      stage.busy_s = json.at("busy_s");
      stage.wait_s = json.at("wait_s");
      std::size_t next_out = 0;
      for (const Json& edge : json.at("edges"))
        if (edge.at("out").get<bool>()) report.edges.push_back(edge_of(edge, shard.out[next_out++]));
    }
    report.stages.push_back(std::move(stage));
  }
  for (std::size_t i = 0; i < s.generation->feeds.size(); ++i) {
    const BridgeStatus status = s.generation->feeds[i]->status();
    const ShardEdge& edge = s.generation->sharding.feeds[i];
    report.edges.push_back({s.generation->feeds[i]->name(), edge.from, edge.to, status.counts.frames_sent,
                            status.counts.bytes_sent, status.counts.frames_resent, status.counts.connects,
                            status.busy_s, status.send_wait_s});
  }
  return report;
}

}  // namespace cleave
