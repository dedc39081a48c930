// A thread reads batches from the bridge into the first module's buffer; each module is a loop (cascade.h) whose port
// leads to the next module's buffer, or, for the last one here, to the bridge that goes out. A worker keeps nothing:
// states go to the coordinator at every marker, and a successor begins with those of the last complete checkpoint.
#include "engine/train/module_job.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "engine/runtime/edge_bridge.h"
#include "engine/runtime/stage_job.h"
#include "engine/train/cascade.h"
#include "engine/train/swarm_trainer.h"
#include "engine/train/training_wire.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

// A module and what stands before it.
struct Seat {
  ModuleId module;
  ModuleTrainer trainer;
  BatchBuffer buffer;
  std::vector<TraceRow> trace;  // not yet told
  std::thread thread;
};

class ModuleRun {
 public:
  explicit ModuleRun(JobContext& context);
  ~ModuleRun();
  void run();

 private:
  void seat_modules();
  void make_bridges();
  void read_input();
  void run_seat(std::size_t seat);
  ModulePorts ports_of(std::size_t seat);
  bool send_out(TrainBatch&& batch);
  void tell_state(ModuleId module, const ModuleCheckpoint& checkpoint, std::uint32_t flag = 0);
  void tell_trace(Seat& seat);
  void keep_pace(double seconds);
  void fail();
  void stop();

  JobContext& context_;
  const Assignment& assignment_;
  const Model model_;
  const Sharding sharding_;
  const Shard& shard_;
  TrainOptions options_;
  Weights weights_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::unique_ptr<Bridge> in_, out_;
  BufferPool pool_;
  Clock::time_point device_free_ = Clock::now();
  std::uint64_t out_next_ = 0;
  std::atomic<bool> stopped_ = false;
  std::mutex gate_;
  std::exception_ptr error_;
};

ModuleRun::ModuleRun(JobContext& context)
    : context_(context),
      assignment_(context.assignment),
      model_(load_model_text("the coordinator's model", context.model_text, context.language)),
      sharding_(sharding_of(context)),
      shard_(sharding_.shards[static_cast<std::size_t>(assignment_.stage)]),
      options_(options_from_json(assignment_.training)),
      weights_(initial_weights(model_.graph, 0)),
      out_next_(assignment_.first) {
  // Where numbers do not say which batch it is, those of a successor are larger than its predecessor's.
  if (!is_lossless(options_)) out_next_ = assignment_.incarnation << 32;
  options_.stop = &stopped_;
  options_.threads = assignment_.threads;
  seat_modules();
  make_bridges();
}

ModuleRun::~ModuleRun() {
  context_.signals.forget();
  stop();
  for (const auto& seat : seats_)
    if (seat->thread.joinable()) seat->thread.join();
  if (in_) context_.acceptor.remove(*in_);
}

// The states say which modules are ours, and what their weights are.
void ModuleRun::seat_modules() {
  const Graph& graph = model_.graph;
  for (const ControlMessage& state : context_.states) {
    if (state.body.size() < sizeof(std::uint32_t)) throw RunError("a module's state is cut short");
    std::uint32_t number = 0;
    std::memcpy(&number, state.body.data(), sizeof number);
    if (number >= graph.modules.size()) throw RunError(fmt::format("the model has no module {}", number));
    const ModuleId module{static_cast<std::int32_t>(number)};
    const ModuleCheckpoint checkpoint =
        parse_module_checkpoint(std::span(state.body).subspan(sizeof number), graph, module);
    restore_weights(checkpoint, graph, module, weights_);
    seats_.push_back(std::unique_ptr<Seat>(new Seat{module,
                                                    ModuleTrainer(graph, module, options_, weights_),
                                                    BatchBuffer(buffer_before(module, options_)),
                                                    {},
                                                    {}}));
    seats_.back()->trainer.restore(checkpoint);
  }
  if (seats_.empty()) throw RunError("the assignment has no module");
}

void ModuleRun::make_bridges() {
  const EdgeEnd end{assignment_.device(), context_.boot_id, assignment_.incarnation};
  const auto make = [&](const ShardEdge& edge, bool is_sender) {
    BridgeOptions options = edge_bridge(assignment_, sharding_, edge, end, is_sender);
    options.tls = context_.tls;
    options.log = context_.log;
    options.session.drop_oldest = !is_lossless(options_) && edge.from != kOutside;
    if (is_sender) options.dial = parse_address(assignment_.addresses.at(options.session.peer));
    auto bridge = std::make_unique<Bridge>(std::move(options));
    if (is_sender) bridge->start_at(out_next_);
    else bridge->expect_from(assignment_.first);
    bridge->start();
    return bridge;
  };
  in_ = make(shard_.in.front(), false);
  if (!shard_.out.empty()) out_ = make(shard_.out.front(), true);
  context_.acceptor.add(*in_);
}

// Hands what comes in to the first module.
void ModuleRun::read_input() {
  const ShardEdge& edge = shard_.in.front();
  BatchBuffer& buffer = seats_.front()->buffer;
  while (std::optional<WireFrame> frame = in_->receive(-1)) {
    TrainBatch batch;
    batch.number = static_cast<std::int64_t>(frame->seq);
    batch.epoch = static_cast<std::int64_t>(frame->tag >> 32);
    batch.batch = static_cast<std::int64_t>(frame->tag & 0xffffffff);
    batch.marker = (frame->flags & kFlagMarker) != 0;
    batch.test = (frame->flags & kFlagTest) != 0;
    unpack_batch(frame->payload->bytes(), edge.type.shape, edge.type.dtype, options_.lanes, batch.data);
    if (!buffer.put(std::move(batch))) return;
  }
  if (in_->is_at_end()) buffer.end();
  else buffer.close();
}

bool ModuleRun::send_out(TrainBatch&& batch) {
  const ShardEdge& edge = shard_.out.front();
  const std::shared_ptr<Buffer> buffer = pool_.take(packed_bytes(edge.type.shape, edge.type.dtype, batch.data.images));
  pack_batch(batch.data, edge.type.dtype, buffer->bytes());
  WireFrame frame;
  frame.seq = is_lossless(options_) ? static_cast<std::uint64_t>(batch.number) : out_next_;
  frame.tag = static_cast<std::uint64_t>(batch.epoch) << 32 | static_cast<std::uint64_t>(batch.batch);
  frame.flags = static_cast<std::uint8_t>((batch.marker ? kFlagMarker : 0) | (batch.test ? kFlagTest : 0));
  frame.payload = buffer;
  out_next_ = frame.seq + 1;
  if (out_->send(std::move(frame))) return true;
  if (!stopped_) throw RunError(fmt::format("{}: {}", out_->name(), out_->status().why));
  return false;
}

void ModuleRun::tell_state(ModuleId module, const ModuleCheckpoint& checkpoint, std::uint32_t flag) {
  const std::uint32_t number = static_cast<std::uint32_t>(index_of(module)) | flag;
  const std::vector<std::byte> bytes = to_bytes(checkpoint);
  std::string body(sizeof number + bytes.size(), '\0');
  std::memcpy(body.data(), &number, sizeof number);
  std::memcpy(body.data() + sizeof number, bytes.data(), bytes.size());
  context_.tell(ControlKind::state, body);
}

void ModuleRun::tell_trace(Seat& seat) {
  if (seat.trace.empty()) return;
  context_.tell(ControlKind::trace, trace_to_json(seat.module, seat.trace));
  seat.trace.clear();
}

// Emulation: the device was busy for so long with what has just been done; what it took here counts. A millisecond is
// let pass, as no sleep is much shorter.
void ModuleRun::keep_pace(double seconds) {
  constexpr std::chrono::milliseconds kAhead{1};
  if (seconds <= 0) return;
  const Clock::duration taken = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  Clock::time_point until;
  {
    const std::lock_guard lock(gate_);
    device_free_ = std::max(device_free_, Clock::now() - taken) + taken;
    until = device_free_ - kAhead;
  }
  while (!stopped_ && Clock::now() < until)
    std::this_thread::sleep_until(std::min(until, Clock::now() + std::chrono::milliseconds(50)));
}

ModulePorts ModuleRun::ports_of(std::size_t number) {
  constexpr std::size_t kRowsTold = 1000;
  Seat& seat = *seats_[number];
  ModulePorts ports;
  if (number + 1 < seats_.size())
    ports.send = [this, number](TrainBatch&& batch) { return seats_[number + 1]->buffer.put(std::move(batch)); };
  else if (out_) ports.send = [this](TrainBatch&& batch) { return send_out(std::move(batch)); };
  ports.checkpoint = [this, &seat](const ModuleCheckpoint& checkpoint) {
    tell_trace(seat);  // before: rows told after a checkpoint belong behind it
    tell_state(seat.module, checkpoint);
  };
  ports.scored = [this, &seat](std::int64_t batch, const TestScore& score) {
    context_.tell(ControlKind::score, score_to_json({seat.module, batch, score}));
  };
  if (assignment_.pace_step_s > 0) ports.after_step = [this] { keep_pace(assignment_.pace_step_s); };
  const bool is_last = number + 1 == seats_.size();
  ports.progress = [this, &seat, is_last](BatchProgress progress) {
    keep_pace(assignment_.pace_s);
    tell_trace(seat);
    if (is_last && out_ && !is_lossless(options_)) progress.sent = static_cast<std::int64_t>(out_next_);
    context_.tell(ControlKind::progress, progress_to_json(progress));
  };
  ports.trace = [this, &seat](const TraceRow& row) {
    seat.trace.push_back(row);
    if (seat.trace.size() >= kRowsTold) tell_trace(seat);
  };
  return ports;
}

void ModuleRun::run_seat(std::size_t number) {
  Seat& seat = *seats_[number];
  try {
    if (!run_module(seat.trainer, seat.module, options_, seat.buffer, ports_of(number), assignment_.threads)) {
      if (!stopped_) throw RunError("a module's input broke off");
      return;
    }
    tell_state(seat.module, seat.trainer.save(seat.trainer.next()), kFinalState);
    if (number + 1 < seats_.size()) seats_[number + 1]->buffer.end();
    else if (out_) out_->end_at(out_next_);
  } catch (...) {
    fail();
  }
}

void ModuleRun::fail() {
  {
    const std::lock_guard lock(gate_);
    if (error_ == nullptr) error_ = std::current_exception();
  }
  stop();
}

void ModuleRun::stop() {
  stopped_ = true;
  in_->stop();
  if (out_) out_->stop();
  for (const auto& seat : seats_) seat->buffer.close();
}

void ModuleRun::run() {
  context_.signals.when_stopped([this] { stop(); });
  context_.signals.when_told([this](const ControlMessage& message) {
    if (message.kind != ControlKind::committed) return;
    in_->commit(std::strtoull(std::string(message.text()).c_str(), nullptr, 10));
  });
  context_.tell(ControlKind::ready, "{}");
  for (std::size_t i = 0; i < seats_.size(); ++i) seats_[i]->thread = std::thread([this, i] { run_seat(i); });
  try {
    read_input();
  } catch (...) {
    fail();
  }
  for (const auto& seat : seats_) seat->thread.join();
  if (error_ != nullptr) std::rethrow_exception(error_);
  if (stopped_) return;
  context_.tell(ControlKind::done, "{}");
  // What went out is kept until it is safe; the coordinator says when it is over.
  while (!stopped_) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace

void run_modules(JobContext& context) { ModuleRun(context).run(); }

}  // namespace cleave
