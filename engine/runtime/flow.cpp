// How a frame travels.
//
// A frame's samples travel in slices, each a trip of its own, so that what a trip computes stays in cache from node to
// node. Every graph node is a multifunction_node<Trip*>. Its body counts down the inputs the trip still waits for,
// returns unless it was the last, else computes the slot and puts the same trip into all consumers. Nodes are
// `lightweight`: put runs the consumer's body at once, inside the producer's, so a trip runs down the graph as one
// task. Where Wiring says `spawned`, put makes a task instead.
//
// The trip is put into the consumers directly rather than through make_edge: an output port holds a lock for as long
// as its lightweight successors run, which would let only one frame through at a time.
//
// The node `start` fills a frame from the source; trips that have nothing to do then take slices of it (`launch`). The
// node behind the last, `end`, lets the trip take the next slice there is, and shows frames whose trips have all ended
// to the sink. A kernel is lent the threads that no trip uses. At most one start is pending or in the source at a time
// (`start_pending`): it makes the next one as soon as its own frame is filled and another is free. The sink sees frames
// in order: a finished frame is put down in `finished`, and whoever finds nobody else delivering delivers all that are
// next in turn. So neither source nor sink makes a thread wait for another one.
#include "engine/runtime/flow.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tbb/flow_graph.h>
#include <tbb/task_arena.h>

#include "engine/runtime/denormals.h"
#include "engine/runtime/parallel.h"
#include "engine/runtime/run_node.h"
#include "engine/runtime/wiring.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;
using Outputs = std::tuple<Trip*>;  // a multifunction_node needs one; never connected
using TaskNode = tbb::flow::multifunction_node<Trip*, Outputs>;
using InlineNode = tbb::flow::multifunction_node<Trip*, Outputs, tbb::flow::lightweight>;
using StartNode = tbb::flow::multifunction_node<Frame*, Outputs>;

// Multiply-adds of a node that make it worth while to wake other threads for it: some ten microseconds.
constexpr double kWorthThreads = 300'000;

// Bytes of the machine's memory.
double machine_bytes() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

}  // namespace

struct Flow::State {
  State(const Graph& model, Weights weights, const FlowOptions& flow_options);

  void build_flow_graph();
  template <class Body>
  void add_flow_node(bool spawned, const Body& body);

  // Bodies of the flow nodes. They may not throw: that is what makes them lightweight.
  void start(Frame* frame) noexcept;
  void launch(Trip* trip) noexcept;
  void visit(std::size_t node, Trip* trip) noexcept;
  void end(Trip* trip) noexcept;

  bool arrived_last(std::size_t node, Trip* trip) noexcept;
  void compute(std::size_t node, Trip* trip) noexcept;
  void take_slice(Trip* trip);
  void deliver_finished(std::unique_lock<std::mutex>& lock);
  void deliver(const Frame& frame, std::unique_lock<std::mutex>& lock);
  void start_next();
  void begin_run(const FrameFiller& run_source, const FrameSink& run_sink);
  void wait_until_finished();
  std::uint64_t position() const;
  std::string stall_message() const;

  const Graph graph;
  const FlowOptions options;
  const std::vector<PackedWeights> packed;
  const Wiring wiring;
  const MemoryPlan plan;
  std::vector<bool> worth_threads;  // by node
  std::vector<std::unique_ptr<Frame>> frames;
  std::vector<std::unique_ptr<Trip>> trips;
  std::vector<std::atomic<std::int64_t>> node_ns;

  tbb::task_arena arena;
  std::unique_ptr<tbb::flow::graph> flow_graph;
  std::vector<std::unique_ptr<tbb::flow::graph_node>> flow_nodes;  // destroyed before the flow graph
  std::vector<tbb::flow::receiver<Trip*>*> entries;                // of the nodes, the end, the launch
  tbb::flow::receiver<Frame*>* start_entry = nullptr;

  // One run, all under `gate`. Held for a few instructions at a time, never during source, sink or op.
  std::mutex gate;
  std::condition_variable run_finished;
  const FrameFiller* source = nullptr;
  const FrameSink* sink = nullptr;
  std::vector<Frame*> free;
  std::deque<Frame*> filled;     // with samples that no trip has begun with
  std::vector<Frame*> finished;  // by seq modulo in_flight
  std::vector<Trip*> idle;
  std::atomic<int> busy = 0;  // trips under way
  std::int64_t next_fill = 0, next_deliver = 0;
  bool start_pending = false, in_source = false, delivering = false, ended = false, done = false;
  bool abandoned = false;  // after a stall: source and sink are gone
  std::exception_ptr error, source_error;
  RunReport report;
};

namespace {

int thread_count(const FlowOptions& options) {
  return options.threads == 0 ? tbb::this_task_arena::max_concurrency() : options.threads;
}

MemoryPlan plan_for(const Graph& graph, const FlowOptions& options) {
  MemoryOptions memory{.batch = options.batch, .threads = thread_count(options), .serial = options.serial};
  if (!options.kept.empty()) memory.kept = &options.kept;
  return plan_memory(graph, memory);
}

// As many as can be under way: a thread each, unless there are not so many slices in flight.
std::int64_t trip_count(const MemoryPlan& plan, const FlowOptions& options) {
  const std::int64_t slices = (plan.batch + plan.slice - 1) / plan.slice;
  return std::min<std::int64_t>(thread_count(options), options.in_flight * slices);
}

Wiring wiring_for(const Graph& graph, const FlowOptions& options) {
  return options.serial ? make_serial_wiring(graph) : make_wiring(graph, options.batch, thread_count(options));
}

}  // namespace

Flow::State::State(const Graph& model, Weights weights, const FlowOptions& flow_options)
    : graph(model),
      options(flow_options),
      packed(pack_weights(graph, std::move(weights))),
      wiring(wiring_for(graph, options)),
      plan(plan_for(graph, options)),
      node_ns(options.time_nodes ? graph.nodes.size() : 0),
      arena(options.threads == 0 ? tbb::task_arena::automatic : options.threads) {
  assert(options.batch >= 1 && options.in_flight >= 1 && options.threads >= 0);
  for (const Node& node : graph.nodes)
    worth_threads.push_back(static_cast<double>(plan.slice) * static_cast<double>(node.cost.mult_adds) +
                                static_cast<double>(plan.slice) * static_cast<double>(node.cost.binary_ops) / 16 >=
                            kWorthThreads);
  for (std::int64_t i = 0; i < options.in_flight; ++i) frames.push_back(std::make_unique<Frame>(graph, plan));
  for (std::int64_t i = 0; i < trip_count(plan, options); ++i) trips.push_back(std::make_unique<Trip>(graph, plan));
  finished.resize(frames.size());
  const FlushDenormals flush;  // the arena's workers inherit it
  arena.initialize();
  arena.execute([this] { build_flow_graph(); });
}

template <class Body>
void Flow::State::add_flow_node(bool spawned, const Body& body) {
  const auto keep = [this](auto node) {
    entries.push_back(node.get());
    flow_nodes.push_back(std::move(node));
  };
  if (spawned) keep(std::make_unique<TaskNode>(*flow_graph, tbb::flow::unlimited, body));
  else keep(std::make_unique<InlineNode>(*flow_graph, tbb::flow::unlimited, body));
}

void Flow::State::build_flow_graph() {
  using Ports = TaskNode::output_ports_type;
  flow_graph = std::make_unique<tbb::flow::graph>();
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    add_flow_node(wiring.spawned[i], [this, i](Trip* trip, Ports&) noexcept { visit(i, trip); });
  add_flow_node(wiring.spawned.back(), [this](Trip* trip, Ports&) noexcept { end(trip); });
  add_flow_node(true, [this](Trip* trip, Ports&) noexcept { launch(trip); });
  auto node = std::make_unique<StartNode>(*flow_graph, tbb::flow::unlimited,
                                          [this](Frame* frame, Ports&) noexcept { start(frame); });
  start_entry = node.get();
  flow_nodes.push_back(std::move(node));
}

// Starts a free frame unless a start is already pending. Called under `gate`.
void Flow::State::start_next() {
  if (start_pending || ended || free.empty()) return;
  if (options.stop != nullptr && options.stop->load(std::memory_order_relaxed)) {
    report.stopped = ended = true;
    return;
  }
  Frame* frame = free.back();  // the one used last: still in cache
  free.pop_back();
  start_pending = true;
  start_entry->try_put(frame);
}

void Flow::State::start(Frame* frame) noexcept {
  std::unique_lock lock(gate);
  std::int64_t count = 0;
  if (!ended) {
    in_source = true;
    frame->seq = next_fill;
    lock.unlock();
    std::exception_ptr thrown;
    try {
      count = (*source)(frame->seq, *frame);
      assert(count <= options.batch);
    } catch (...) {
      thrown = std::current_exception();
    }
    lock.lock();
    in_source = false;
    source_error = thrown;
    ended = ended || count <= 0;
  }
  start_pending = false;
  if (count <= 0) {
    free.push_back(frame);
    return;
  }
  frame->count = count;
  frame->taken = 0;
  frame->left = (count + plan.slice - 1) / plan.slice;
  ++next_fill;
  filled.push_back(frame);
  start_next();
  Trip* own = nullptr;  // goes on in this task
  while (!idle.empty() && !filled.empty()) {
    Trip* trip = idle.back();
    idle.pop_back();
    ++busy;
    take_slice(trip);
    if (own == nullptr) own = trip;
    else entries.back()->try_put(trip);
  }
  lock.unlock();
  if (own != nullptr) launch(own);
}

// Lets a trip begin with the next slice. Called under `gate`, with a frame in `filled`.
void Flow::State::take_slice(Trip* trip) {
  Frame* frame = filled.front();
  const std::int64_t samples = std::min(plan.slice, frame->count - frame->taken);
  trip->begin(*frame, frame->taken, samples);
  frame->taken += samples;
  if (frame->taken == frame->count) filled.pop_front();
}

void Flow::State::launch(Trip* trip) noexcept {
  for (std::size_t i = 0; i < wiring.edges_in.size(); ++i)
    trip->waiting[i].store(wiring.edges_in[i], std::memory_order_relaxed);
  // The trip may end, and begin again, as soon as it was put into the last of them.
  for (const std::int32_t input : wiring.inputs) entries[static_cast<std::size_t>(input)]->try_put(trip);
}

// Whether this put was the last one the node waited for. A node with one input needs no atomic decrement.
bool Flow::State::arrived_last(std::size_t node, Trip* trip) noexcept {
  std::atomic<std::int32_t>& waiting = trip->waiting[node];
  if (wiring.edges_in[node] > 1) return waiting.fetch_sub(1, std::memory_order_acq_rel) == 1;
  waiting.store(kRunning, std::memory_order_relaxed);
  return true;
}

void Flow::State::visit(std::size_t node, Trip* trip) noexcept {
  if (!arrived_last(node, trip)) return;
  compute(node, trip);
  trip->waiting[node].store(kDone, std::memory_order_relaxed);
  for (const std::int32_t consumer : wiring.consumers[node]) entries[static_cast<std::size_t>(consumer)]->try_put(trip);
}

void Flow::State::compute(std::size_t node, Trip* trip) noexcept {
  Frame& frame = trip->frame();
  if (frame.failed.load(std::memory_order_relaxed)) return;  // travels on, so that the run can end in order
  const NodeId id{static_cast<std::int32_t>(node)};
  try {
    const Clock::time_point began = options.time_nodes ? Clock::now() : Clock::time_point{};
    const int spare = worth_threads[node] ? arena.max_concurrency() - busy.load(std::memory_order_relaxed) : 0;
    const Parallel lent = arena_threads(spare + 1);
    run_node(graph, id, packed[node], *trip, spare > 0 ? &lent : nullptr);
    if (!options.time_nodes) return;
    const std::chrono::nanoseconds spent = Clock::now() - began;
    node_ns[node].fetch_add(spent.count(), std::memory_order_relaxed);
  } catch (...) {
    const std::lock_guard lock(gate);
    ended = true;
    frame.failed.store(true, std::memory_order_relaxed);
    if (frame.error == nullptr) frame.error = std::current_exception();
  }
}

void Flow::State::end(Trip* trip) noexcept {
  if (!arrived_last(graph.nodes.size(), trip)) return;
  trip->waiting.back().store(kDone, std::memory_order_relaxed);
  std::unique_lock lock(gate);
  Frame* frame = &trip->frame();
  const bool was_last = --frame->left == 0;
  if (!filled.empty()) {
    take_slice(trip);
    entries.back()->try_put(trip);  // a task of its own: the stack goes back first
  } else {
    --busy;
    idle.push_back(trip);
  }
  if (!was_last) return;
  finished[static_cast<std::size_t>(frame->seq) % frames.size()] = frame;
  deliver_finished(lock);
}

// Shows the sink all finished frames that are next in turn, unless another thread is at it.
void Flow::State::deliver_finished(std::unique_lock<std::mutex>& lock) {
  if (delivering) return;
  delivering = true;
  const auto pool = static_cast<std::int64_t>(frames.size());
  for (;;) {
    Frame* next = std::exchange(finished[static_cast<std::size_t>(next_deliver % pool)], nullptr);
    if (next == nullptr) break;
    ++next_deliver;
    deliver(*next, lock);
    next->failed = false;
    next->error = nullptr;
    free.push_back(next);
    start_next();
  }
  delivering = false;
}

// Shows one frame to the sink unless it, or one before it, failed.
void Flow::State::deliver(const Frame& frame, std::unique_lock<std::mutex>& lock) {
  if (frame.error != nullptr && error == nullptr) error = frame.error;
  if (error != nullptr || abandoned) return;
  lock.unlock();
  std::exception_ptr thrown;
  try {
    (*sink)({frame.seq, frame.count, &frame});
  } catch (...) {
    thrown = std::current_exception();
  }
  lock.lock();
  error = thrown;
  ended = ended || thrown != nullptr;
  if (thrown != nullptr) return;
  ++report.frames;
  report.samples += frame.count;
}

void Flow::State::begin_run(const FrameFiller& run_source, const FrameSink& run_sink) {
  assert(!abandoned);
  source = &run_source;
  sink = &run_sink;
  free.clear();
  for (const std::unique_ptr<Frame>& frame : frames) free.push_back(frame.get());
  filled.clear();
  idle.clear();
  for (const std::unique_ptr<Trip>& trip : trips) idle.push_back(trip.get());
  busy = 0;
  next_fill = next_deliver = 0;
  ended = done = false;
  error = source_error = nullptr;
  report = {};
  for (std::atomic<std::int64_t>& ns : node_ns) ns = 0;
}

// Returns a number that changes when any frame has moved. Called under `gate`.
std::uint64_t Flow::State::position() const {
  std::uint64_t hash = static_cast<std::uint64_t>(next_deliver);
  const auto add = [&](std::int64_t value) { hash = hash * 1099511628211U + static_cast<std::uint64_t>(value); };
  for (const std::unique_ptr<Frame>& frame : frames) {
    add(frame->seq);
    add(frame->left);
  }
  for (const std::unique_ptr<Trip>& trip : trips)
    for (const std::atomic<std::int32_t>& waiting : trip->waiting) add(waiting.load(std::memory_order_relaxed));
  return hash;
}

// Names the nodes being computed; where there are none, the first that each trip waits for.
std::string Flow::State::stall_message() const {
  std::vector<std::string> running, waited_for;
  const auto add = [&](std::vector<std::string>& names, std::size_t node) {
    const Node& n = graph.nodes[node];
    std::string name = fmt::format("'{}' ({})", n.name, n.op == nullptr ? "input" : n.op->name);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  };
  for (const std::unique_ptr<Trip>& trip : trips) {
    bool first = true;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const std::int32_t waiting = trip->waiting[i].load(std::memory_order_relaxed);
      if (waiting == kRunning) add(running, i);
      if (waiting != kDone && std::exchange(first, false)) add(waited_for, i);
    }
  }
  const std::vector<std::string>& names = running.empty() ? waited_for : running;
  return fmt::format("nothing has moved for {:.3g} s; waiting for node {}", options.stall_s, fmt::join(names, ", "));
}

// Waits on the caller's thread and watches whether the frames move. Throws RunError on a stall.
void Flow::State::wait_until_finished() {
  const bool watched = options.stall_s > 0;
  const std::chrono::duration<double> period(watched ? std::min(1.0, options.stall_s / 8) : 1.0);
  std::unique_lock lock(gate);
  Clock::time_point moved = Clock::now();
  std::uint64_t before = position();
  while (!run_finished.wait_for(lock, period, [this] { return done; })) {
    const std::uint64_t now = position();
    if (now != before || in_source || delivering) moved = Clock::now();
    before = now;
    if (!watched || seconds_since(moved) < options.stall_s) continue;
    ended = abandoned = true;
    const std::string message = stall_message();
    for (const std::unique_ptr<Frame>& frame : frames) frame->failed = true;  // nothing more to compute
    throw RunError(message);
  }
}

Flow::Flow(const Graph& graph, Weights weights, const FlowOptions& options) {
  constexpr double kMib = 1024.0 * 1024.0;
  const MemoryPlan plan = plan_for(graph, options);
  const double mib = static_cast<double>(plan.bytes(options.in_flight, trip_count(plan, options))) / kMib;
  const auto too_large = [&](const std::string& why) {
    return RunError(
        fmt::format("{:.1f} MiB for {} frames of {} samples {}; a smaller batch or fewer in flight need less", mib,
                    options.in_flight, options.batch, why));
  };
  // Asking the allocator is not enough: Linux promises more than there is and kills the program later.
  const double machine_mib = machine_bytes() / kMib;
  if (mib > machine_mib) throw too_large(fmt::format("do not fit in {:.0f} MiB of memory", machine_mib));
  try {
    state_ = std::make_shared<State>(graph, std::move(weights), options);
  } catch (const std::bad_alloc&) {
    throw too_large("are more memory than there is left");
  }
}

std::int64_t Flow::activation_bytes() const {
  return state_->plan.bytes(static_cast<std::int64_t>(state_->frames.size()),
                            static_cast<std::int64_t>(state_->trips.size()));
}

std::int64_t Flow::weight_bytes() const { return packed_bytes(state_->packed); }

RunReport Flow::run(const FrameSource& source, const FrameSink& sink) {
  assert(state_->wiring.inputs.size() == 1);
  const FrameFiller filler = [&source](std::int64_t seq, const Frame& frame) {
    return source(seq, frame.whole_slot(NodeId{0}));
  };
  return run(filler, sink);
}

RunReport Flow::run(const FrameFiller& filler, const FrameSink& sink) {
  state_->begin_run(filler, sink);
  const Clock::time_point began = Clock::now();
  std::thread worker([state = state_] {
    const FlushDenormals flush;
    state->arena.execute([&] {
      {
        const std::lock_guard lock(state->gate);
        state->start_next();
      }
      state->flow_graph->wait_for_all();
    });
    const std::lock_guard lock(state->gate);
    state->done = true;
    state->run_finished.notify_all();
  });
  try {
    state_->wait_until_finished();
  } catch (...) {
    worker.detach();
    throw;
  }
  worker.join();
  if (state_->error != nullptr) std::rethrow_exception(std::exchange(state_->error, nullptr));
  if (state_->source_error != nullptr) std::rethrow_exception(std::exchange(state_->source_error, nullptr));
  RunReport report = std::move(state_->report);
  report.seconds = seconds_since(began);
  for (const std::atomic<std::int64_t>& ns : state_->node_ns)
    report.node_seconds.push_back(1e-9 * static_cast<double>(ns));
  return report;
}

}  // namespace cleave
