// The coordinator reads batches and feeds the first module. Every few batches one is marked; a module that has learnt a
// marked batch sends its state. When all states of a marker are here the checkpoint is complete: it is given to
// `on_checkpoint` (which writes it), and only then are the workers told that all before it is safe and may be
// forgotten. There is never more than one incomplete checkpoint under way, so what a sender keeps is bounded.
//
// A worker that dies is given its stage again with the states of the last complete checkpoint; its neighbours still
// keep everything behind that. When a device is given up, all begin again from there on the devices that are left.
//
// Numbers on the wire count batches to learn and test batches alike; `places` says where in the data a number is.
#include "engine/train/train_swarm.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/runtime/edge_bridge.h"
#include "engine/runtime/worker.h"
#include "engine/train/swarm_trainer.h"
#include "engine/train/training_wire.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kStopS = 10;                                // that a stopped run may take to finish what is under way
constexpr std::int64_t kKeptBytes = std::int64_t{64} << 20;  // about what a sending end may keep
constexpr std::int64_t kMostBetween = 32;                    // batches between two markers

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

}  // namespace

SwarmTrainer::SwarmTrainer(const Graph& graph, Weights& weights, const BatchSource& source, const TrainOptions& options,
                           const SwarmTraining& swarm, const TrainHooks& hooks, const RunCheckpoint* from)
    : graph_(graph), weights_(weights), source_(source), options_(options), swarm_(swarm), hooks_(hooks) {
  check_trainable(graph, weights, options);
  for (std::size_t m = 0; m < graph.modules.size(); ++m) {
    const ModuleId module{static_cast<std::int32_t>(m)};
    if (from != nullptr) restore_weights(from->modules[m], graph, module, weights);
    ModuleTrainer trainer(graph, module, options, weights);
    if (from != nullptr) trainer.restore(from->modules[m]);
    safe_.modules.push_back(trainer.save(from != nullptr ? from->place.number : 0));
    reports_.push_back({graph.modules[m].name, safe_.modules.back().counts, 0, 0, 0});
  }
  if (from != nullptr) safe_.place = from->place, seconds_before_ = from->seconds;
  safe_.next = safe_.place.number;
  last_number_.assign(graph.modules.size(), safe_.next - 1);
  for (const ModuleCheckpoint& module : safe_.modules) last_step_.push_back(module.counts.steps);
  scores_.resize(graph.modules.size());
  make_cast(swarm.device_of);
}

void SwarmTrainer::make_cast(const std::vector<int>& device_of) {
  cast_ = std::make_unique<Cast>();
  Cast& cast = *cast_;
  const Plan plan = plan_of_modules(graph_, device_of);
  SwarmSetup setup = swarm_.setup;
  setup.batch = options_.batch;
  cast.assignment = assignment_of(setup, plan, "train", {});
  cast.assignment.training = options_to_json(options_);
  cast.sharding = make_shards(graph_, {}, plan, cast.assignment.devices, {}, true, options_.batch);
  cast.modules.resize(plan.stages.size());
  for (std::size_t m = 0, stage = 0; m < device_of.size(); ++m) {
    if (m > 0 && device_of[m] != device_of[m - 1]) ++stage;
    cast.modules[stage].push_back(ModuleId{static_cast<std::int32_t>(m)});
  }
  std::int64_t most_bytes = 1;
  for (const Shard& shard : cast.sharding.shards)
    for (const ShardEdge& edge : shard.in) most_bytes = std::max(most_bytes, edge.item_bytes * options_.batch);
  between_ = std::clamp<std::int64_t>(kKeptBytes / most_bytes / 2, 1, kMostBetween);
  // All behind the last complete checkpoint: up to the next marker, and what the modules' buffers hold meanwhile.
  const auto stages = static_cast<std::int64_t>(plan.stages.size());
  cast.assignment.keep_frames = 2 * between_ + stages * (options_.buffer.capacity + cast.assignment.window_frames) + 2;
  CoordinatorOptions options;
  options.members = members_of(setup, cast.assignment);
  options.tls = setup.tls;
  options.connect_s = setup.connect_s;
  options.dead_s = setup.dead_s;
  options.work = [this](int stage, std::uint64_t incarnation) { return work_for(stage, incarnation); };
  options.told = [this](int, const ControlMessage& message) { hear(message); };
  options.look = setup.look;
  options.log = setup.log;
  options.link_log = setup.link_log;
  options.failed = [this] { changed_.notify_all(); };
  const ShardEdge& edge = cast.sharding.feeds.front();
  const EdgeEnd own{kCoordinator, random_id(), cast.assignment.run_key >> 1};
  BridgeOptions bridge = edge_bridge(cast.assignment, cast.sharding, edge, own, true);
  bridge.dial = setup.addresses.at(bridge.session.peer);
  bridge.tls = setup.tls;
  bridge.log = setup.link_log;
  cast.feed = std::make_unique<Bridge>(std::move(bridge));
  cast.feed->start_at(static_cast<std::uint64_t>(safe_.next));
  cast.feed->start();
  cast.coordinator = std::make_unique<Coordinator>(std::move(options));
}

void SwarmTrainer::drop_cast() {
  if (cast_ == nullptr) return;
  {
    const std::lock_guard lock(gate_);
    hurry_ = true;
  }
  changed_.notify_all();
  cast_->feed->stop();
  if (feeder_.joinable()) feeder_.join();
  cast_->coordinator.reset();
  cast_.reset();
}

// Where batches may be dropped the marker may have died with the process that had it: the state with which its
// successor begins is then what the checkpoint has of it.
void SwarmTrainer::excuse(const std::vector<ModuleId>& modules) {
  std::int64_t next = -1;
  {
    const std::lock_guard lock(gate_);
    if (incomplete_.empty() || incomplete_.begin()->second.is_last) return;
    SafePoint& point = incomplete_.begin()->second;
    for (const ModuleId module : modules) {
      ModuleCheckpoint& state = point.modules[index_of(module)];
      if (state.next >= 0) continue;
      state = safe_.modules[index_of(module)];
      state.next = point.next;
    }
    if (is_whole(point)) next = point.next;
  }
  if (next >= 0) complete(next);
}

std::vector<ControlMessage> SwarmTrainer::work_for(int stage, std::uint64_t incarnation) {
  Assignment assignment = for_stage(cast_->assignment, swarm_.setup, stage);
  assignment.incarnation = incarnation;
  assignment.pace_s = 0;
  const std::vector<ModuleId>& modules = cast_->modules[static_cast<std::size_t>(stage)];
  assignment.states = static_cast<int>(modules.size());
  for (const ModuleId module : modules)
    if (swarm_.setup.emulate && !swarm_.forward_s.empty()) {
      assignment.pace_s = swarm_.forward_s[index_of(module)];
      assignment.pace_step_s = swarm_.step_s[index_of(module)];
    }
  if (!is_lossless(options_) && incarnation > 1) excuse(modules);
  std::vector<ControlMessage> work;
  const std::lock_guard lock(gate_);
  // What a predecessor said for a checkpoint that is not complete counts no more: it would be complete while the new
  // process is still behind it.
  if (is_lossless(options_))
    for (auto& [next, point] : incomplete_)
      for (const ModuleId module : modules) point.modules[index_of(module)].next = -1;
  assignment.first = static_cast<std::uint64_t>(safe_.next);
  work.push_back(control_message(ControlKind::assign, to_json(assignment)));
  work.push_back(control_message(ControlKind::model, swarm_.setup.model_text));
  for (const ModuleId module : modules) {
    const auto number = static_cast<std::uint32_t>(index_of(module));
    ControlMessage state{ControlKind::state, std::vector<std::byte>(sizeof number)};
    std::memcpy(state.body.data(), &number, sizeof number);
    const std::vector<std::byte> bytes = to_bytes(safe_.modules[index_of(module)]);
    state.body.insert(state.body.end(), bytes.begin(), bytes.end());
    work.push_back(std::move(state));
  }
  work.push_back(control_message(ControlKind::begin, ""));
  work.push_back(control_message(ControlKind::committed, fmt::format("{}", safe_.next)));
  return work;
}

// Until everything fed is in a complete checkpoint and the workers are done; ten seconds at most once stopped.
void SwarmTrainer::wait_for_end() {
  constexpr std::chrono::milliseconds kLook{50};
  Clock::time_point stopped = Clock::now();
  for (;;) {
    {
      std::unique_lock lock(gate_);
      changed_.wait_for(lock, kLook);
      if (source_error_ != nullptr) std::rethrow_exception(source_error_);
      if (end_ >= 0 && incomplete_.empty()) break;
    }
    cast_->coordinator->check();
    if (cast_->feed->status().failed)
      throw RunError(fmt::format("{}: {}", cast_->feed->name(), cast_->feed->status().why), ExitCode::unreachable);
    if (!stop_asked()) stopped = Clock::now();
    else if (seconds_since(stopped) > kStopS) return;
    for (const MemberStatus& member : cast_->coordinator->status())
      if (swarm_.replan && member.lost_s > swarm_.setup.gone_s) {
        replace_gone();
        break;
      }
  }
  while (!cast_->coordinator->wait_done(0.1))
    if (stop_asked() && seconds_since(stopped) > kStopS) return;
  cast_->coordinator->broadcast(ControlKind::committed, fmt::format("{}", end_));
}

void SwarmTrainer::replace_gone() {
  const std::vector<MemberStatus> members = cast_->coordinator->status();
  for (std::size_t i = 0; i < members.size(); ++i)
    if (members[i].lost_s > swarm_.setup.gone_s) gone_.push_back(cast_->assignment.device_of(static_cast<int>(i)));
  const std::vector<int> device_of = swarm_.replan(gone_);
  if (device_of.empty())
    throw RunError(fmt::format("{} did not come back, and its modules fit nowhere else; the last checkpoint is whole",
                               fmt::join(gone_, ", ")),
                   ExitCode::unreachable);
  swarm_.setup.log(
      fmt::format("{} did not come back after {:.0f} s: its modules go on elsewhere, from the last "
                  "checkpoint",
                  fmt::join(gone_, ", "), swarm_.setup.gone_s));
  drop_cast();
  {
    const std::lock_guard lock(gate_);
    incomplete_.clear();
    end_ = -1;
    hurry_ = false;
  }
  make_cast(device_of);
  const std::atomic<bool> never = false;
  cast_->coordinator->wait_ready(options_.stop != nullptr ? *options_.stop : never);
  feeder_ = std::thread([this] { feed(); });
}

TrainReport SwarmTrainer::report() const {
  const std::lock_guard lock(gate_);
  TrainReport report;
  report.modules = reports_;
  report.batches = finished_;
  report.seconds = seconds_since(began_);
  report.stopped = stop_asked();
  for (std::size_t m = 0; m < safe_.modules.size(); ++m)
    restore_weights(safe_.modules[m], graph_, ModuleId{static_cast<std::int32_t>(m)}, weights_);
  return report;
}

TrainReport SwarmTrainer::run() {
  const std::atomic<bool> never = false;
  cast_->coordinator->wait_ready(options_.stop != nullptr ? *options_.stop : never);
  feeder_ = std::thread([this] { feed(); });
  wait_for_end();
  drop_cast();
  if (hooks_.on_checkpoint) hooks_.on_checkpoint(checkpoint_of(safe_), true);
  return report();
}

TrainReport train_swarm(const Graph& graph, Weights& weights, const BatchSource& source, const TrainOptions& options,
                        const SwarmTraining& swarm, const TrainHooks& hooks, const RunCheckpoint* from) {
  return SwarmTrainer(graph, weights, source, options, swarm, hooks, from).run();
}

}  // namespace cleave
