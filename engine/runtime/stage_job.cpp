// A stage is a Flow whose source takes frames from the bridges that come in and whose sink puts them into those that go
// out. It holds no state: a successor that begins with the first frame that is not committed computes the same.
//
// `committed` comes from the far end of the pipeline. It is passed upstream as it comes, but never beyond the frames
// this stage has taken itself: a successor still being sent old frames would otherwise find its sender's window moved
// on without it.
#include "engine/runtime/stage_job.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <deque>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/runtime/edge_bridge.h"
#include "engine/runtime/flow.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

NodeId node_named(const Graph& graph, const std::string& name) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.nodes[i].name == name) return NodeId{static_cast<std::int32_t>(i)};
  return NodeId::none;
}

// What a frame under way has to remember.
struct UnderWay {
  std::uint64_t seq = 0, tag = 0;
  std::uint8_t flags = 0;
  Clock::time_point began;
};

class StageRun {
 public:
  StageRun(JobContext& context, Sharding& sharding, Shard& shard);
  ~StageRun();
  void run();

 private:
  void make_bridges();
  bool is_end(const Bridge& in) const;
  bool take();
  std::int64_t fill(std::int64_t seq, const Frame& frame);
  void give(const FrameResult& result);
  void keep_pace(Clock::time_point began);
  void pass_commits();
  bool finish();
  std::string counts_json() const;
  void report_now_and_then();

  JobContext& context_;
  const Assignment& assignment_;
  const Sharding& sharding_;
  Shard& shard_;
  std::vector<std::unique_ptr<Bridge>> ins_, outs_;
  std::vector<WireFrame> in_frames_;  // by bridge: taken from it, not yet from the others
  BufferPool pool_;
  std::vector<UnderWay> under_way_;       // by seq modulo in_flight
  std::atomic<std::uint64_t> taken_ = 0;  // frames before it were taken from every bridge
  std::atomic<std::int64_t> frames_ = 0, samples_ = 0;
  std::atomic<double> busy_s_ = 0, wait_s_ = 0;
  Clock::time_point device_free_ = Clock::now(), reported_ = Clock::now(), began_ = Clock::now();
  std::atomic<bool> stopped_ = false;
};

StageRun::StageRun(JobContext& context, Sharding& sharding, Shard& shard)
    : context_(context), assignment_(context.assignment), sharding_(sharding), shard_(shard) {
  under_way_.resize(static_cast<std::size_t>(assignment_.in_flight));
  in_frames_.resize(shard_.in.size());
  taken_ = assignment_.first;
  make_bridges();
}

StageRun::~StageRun() {
  context_.signals.forget();
  for (const auto& bridge : ins_) {
    context_.acceptor.remove(*bridge);
    bridge->stop();
  }
  for (const auto& bridge : outs_) {
    context_.acceptor.remove(*bridge);
    bridge->stop();
  }
}

void StageRun::make_bridges() {
  const EdgeEnd end{assignment_.device(), context_.boot_id, assignment_.incarnation};
  const auto make = [&](const ShardEdge& edge, bool is_sender) {
    BridgeOptions options = edge_bridge(assignment_, sharding_, edge, end, is_sender);
    options.tls = context_.tls;
    options.log = context_.log;
    const bool dials = is_sender && edge.to != kOutside;
    if (dials) options.dial = parse_address(assignment_.addresses.at(options.session.peer));
    auto bridge = std::make_unique<Bridge>(std::move(options));
    if (is_sender) bridge->start_at(assignment_.first);
    else bridge->expect_from(assignment_.first);
    return bridge;
  };
  for (const ShardEdge& edge : shard_.in) ins_.push_back(make(edge, false));
  for (const ShardEdge& edge : shard_.out) outs_.push_back(make(edge, true));
  for (const auto& bridge : outs_) bridge->on_change([this] { pass_commits(); });
  for (std::size_t i = 0; i < ins_.size() + outs_.size(); ++i) {
    const bool is_in = i < ins_.size();
    Bridge& bridge = is_in ? *ins_[i] : *outs_[i - ins_.size()];
    bridge.start();
    const ShardEdge& edge = is_in ? shard_.in[i] : shard_.out[i - ins_.size()];
    if (is_in || edge.to == kOutside) context_.acceptor.add(bridge);
  }
}

void StageRun::pass_commits() {
  std::uint64_t safe = taken_;
  for (const auto& bridge : outs_) safe = std::min(safe, bridge->sent_committed());
  for (const auto& bridge : ins_) bridge->commit(safe);
}

// Whether it is the end when a bridge has no more frames. Only a sender says that there are no more: a bridge that gave
// up has none either, and whoever is behind us must not take that for the end.
bool StageRun::is_end(const Bridge& in) const {
  if (stopped_ || in.is_at_end()) return true;
  throw RunError(fmt::format("{}: {}", in.name(), in.status().why));
}

// Takes the next frame from every bridge, the same from each; false at the end. A sender that was given its stage later
// than this one may begin with a later frame: answers that had been under way arrived in between. All before it are
// safe, or the session would not have let it, and are left out here as well.
bool StageRun::take() {
  std::uint64_t due = taken_;
  for (std::size_t i = 0; i < ins_.size();) {
    WireFrame& frame = in_frames_[i];
    if (frame.payload == nullptr || frame.seq < due) {
      std::optional<WireFrame> next = ins_[i]->receive(-1);
      if (!next) return !is_end(*ins_[i]);
      frame = std::move(*next);
    }
    if (frame.seq == due) ++i;
    if (frame.seq > due) due = frame.seq, i = 0;
  }
  if (due > taken_)
    for (const auto& bridge : outs_) bridge->start_at(due);
  taken_ = due;
  return true;
}

std::int64_t StageRun::fill(std::int64_t seq, const Frame& frame) {
  UnderWay& under_way = under_way_[static_cast<std::size_t>(seq) % under_way_.size()];
  under_way = {};
  const Clock::time_point asked = Clock::now();
  if (!take()) return 0;
  under_way.seq = taken_;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < ins_.size(); ++i) {
    const WireFrame in = std::exchange(in_frames_[i], {});
    const std::int64_t items = in.payload->size() / shard_.in[i].item_bytes;
    if (count > 0 && items != count && items != 0)
      throw RunError(
          fmt::format("{}: frame {} of {} samples where {} were due", ins_[i]->name(), in.seq, items, count));
    under_way.tag = in.tag;
    under_way.flags |= in.flags;
    const TensorView whole = frame.whole_slot(shard_.inputs[i]);
    if (items == 0) continue;
    count = items;
    unpack_samples(in.payload->bytes(), shard_.in[i].type.dtype, {count, whole.shape, whole.data});
  }
  wait_s_ = wait_s_ + seconds_since(asked);
  under_way.began = Clock::now();
  ++taken_;
  if ((under_way.flags & kFlagExpired) == 0) return count;
  // Nobody waits for it any more: one sample of zeros keeps its place.
  for (const NodeId input : shard_.inputs) {
    const TensorView whole = frame.whole_slot(input);
    std::fill_n(whole.data, whole.sample_size(), 0.0F);
  }
  return 1;
}

// Emulation: the device computes one frame after the other, each for its own time.
void StageRun::keep_pace(Clock::time_point began) {
  if (assignment_.pace_s <= 0) return;
  device_free_ = std::max(began, device_free_) +
                 std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(assignment_.pace_s));
  while (!stopped_ && Clock::now() < device_free_)
    std::this_thread::sleep_until(std::min(device_free_, Clock::now() + std::chrono::milliseconds(100)));
}

void StageRun::give(const FrameResult& result) {
  const UnderWay& under_way = under_way_[static_cast<std::size_t>(result.seq) % under_way_.size()];
  const bool expired = (under_way.flags & kFlagExpired) != 0;
  const Clock::time_point free_before = device_free_;
  keep_pace(under_way.began);
  busy_s_ =
      busy_s_ + (assignment_.pace_s > 0 ? assignment_.pace_s : seconds_since(std::max(under_way.began, free_before)));
  if (assignment_.pace_s <= 0) device_free_ = Clock::now();
  for (std::size_t i = 0; i < outs_.size(); ++i) {
    const ShardEdge& edge = shard_.out[i];
    WireFrame out{under_way.seq, under_way.tag, under_way.flags, nullptr};
    const std::shared_ptr<Buffer> buffer = pool_.take(expired ? 0 : result.count * edge.item_bytes);
    if (!expired) pack_samples(result.output(shard_.outputs[i]), edge.type.dtype, buffer->bytes());
    out.payload = buffer;
    if (!outs_[i]->send(std::move(out)) && !stopped_)
      throw RunError(fmt::format("{}: {}", outs_[i]->name(), outs_[i]->status().why));
  }
  ++frames_;
  samples_ += result.count;
  report_now_and_then();
}

std::string StageRun::counts_json() const {
  Json edges = Json::array();
  const auto add = [&](const Bridge& bridge, bool is_out) {
    const BridgeStatus status = bridge.status();
    edges.push_back({{"name", bridge.name()},
                     {"out", is_out},
                     {"frames", is_out ? status.counts.frames_sent : status.counts.frames_received},
                     {"bytes", is_out ? status.counts.bytes_sent : status.counts.bytes_received},
                     {"resent", status.counts.frames_resent},
                     {"duplicates", status.counts.duplicates},
                     {"corrupt", status.counts.corrupt},
                     {"connects", status.counts.connects},
                     {"busy_s", status.busy_s},
                     {"wait_s", is_out ? status.send_wait_s : status.receive_wait_s}});
  };
  for (const auto& bridge : ins_) add(*bridge, false);
  for (const auto& bridge : outs_) add(*bridge, true);
  const Json json{{"frames", frames_.load()}, {"samples", samples_.load()},       {"busy_s", busy_s_.load()},
                  {"wait_s", wait_s_.load()}, {"seconds", seconds_since(began_)}, {"edges", edges}};
  return json.dump();
}

void StageRun::report_now_and_then() {
  if (seconds_since(reported_) < 1) return;
  reported_ = Clock::now();
  context_.tell(ControlKind::counts, counts_json());
}

// Ends what goes out and waits until all of it is safe, and said to be so upstream. False when stopped. A stage that
// was stopped has had no end: told of one, those behind it would refuse what its successor sends.
bool StageRun::finish() {
  constexpr double kLookS = 0.05;
  if (stopped_) return false;
  for (const auto& bridge : outs_) bridge->end_at(taken_);
  for (const auto& bridge : outs_)
    while (!bridge->wait_drained(kLookS))
      if (stopped_) return false;
  pass_commits();
  return !stopped_;
}

void StageRun::run() {
  context_.signals.when_stopped([this] {
    stopped_ = true;
    for (const auto& bridge : ins_) bridge->stop();
    for (const auto& bridge : outs_) bridge->stop();
  });
  FlowOptions options;
  options.batch = assignment_.batch;
  options.in_flight = assignment_.in_flight;
  options.threads = assignment_.threads;
  options.stall_s = 0;  // a stage waits for others as long as they need
  options.stop = &stopped_;
  options.kept = shard_.outputs;
  Flow flow(shard_.part.graph, std::move(shard_.part.weights), options);
  context_.tell(ControlKind::ready, "{}");
  flow.run(FrameFiller([this](std::int64_t seq, const Frame& frame) { return fill(seq, frame); }),
           [this](const FrameResult& result) { give(result); });
  if (finish()) context_.tell(ControlKind::done, counts_json());
  // The ends that were dialled stay until the coordinator has heard all.
  while (!stopped_) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace

Sharding sharding_of(const JobContext& context) {
  const Assignment& a = context.assignment;
  const Model model = load_model_text("the coordinator's model", context.model_text, context.language);
  std::vector<NodeId> wanted;
  for (const std::string& name : a.wanted) wanted.push_back(node_named(model.graph, name));
  if (std::find(wanted.begin(), wanted.end(), NodeId::none) != wanted.end())
    throw RunError("the assignment names nodes that the model does not have");
  return make_shards(model.graph, {}, a.plan, a.devices, wanted, a.mode == "train", a.batch);
}

void run_stage(JobContext& context) {
  Sharding sharding = sharding_of(context);
  Shard shard = std::move(sharding.shards[static_cast<std::size_t>(context.assignment.stage)]);
  set_shard_weights(context.weights, shard);
  fuse_shard(shard);
  StageRun(context, sharding, shard).run();
}

}  // namespace cleave
