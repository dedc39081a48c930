// The asynchronous cascade on one machine: a thread that reads batches, one for each module, buffers between them, and
// the caller's, which gets told by a queue of events and calls the hooks.
//
// Checkpoints: the reader marks a batch when one is due, and every module saves its state behind the mark. One mark is
// on its way at a time, so the states that come in belong together: in lockstep they are those of one moment.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

#include <tbb/global_control.h>
#include <tbb/info.h>

#include "engine/train/batch_reader.h"
#include "engine/train/cascade.h"
#include "engine/train/run_checkpoint.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Saved {
  std::size_t module = 0;
  ModuleCheckpoint state;
};
struct ThreadEnded {};
using Event = std::variant<BatchProgress, Saved, ThreadEnded>;

// What the threads tell the caller, in order. Thread safe.
class EventQueue {
 public:
  void put(Event event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    changed_.notify_one();
  }
  Event take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !events_.empty(); });
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
};

struct Cascade {
  Cascade(const Graph& of, const TrainOptions& with, const TrainHooks& calls)
      : graph(of), options(with), hooks(calls) {}

  const Graph& graph;
  const TrainOptions& options;
  const TrainHooks& hooks;
  std::vector<ModuleTrainer> trainers;
  std::deque<BatchBuffer> buffers;  // before each module
  EventQueue events;
  std::atomic<bool> marker_on_its_way = false;

  bool is_stopped() const { return options.stop != nullptr && options.stop->load(); }
  void close_all() {
    for (BatchBuffer& buffer : buffers) buffer.close();
  }
  // Keeps the exception being handled, the first of them, and ends all threads.
  void fail() {
    const std::lock_guard lock(failure_mutex_);
    if (!failure_) failure_ = std::current_exception();
    close_all();
  }
  std::exception_ptr failure() const {
    const std::lock_guard lock(failure_mutex_);
    return failure_;
  }

 private:
  mutable std::mutex failure_mutex_;
  std::exception_ptr failure_;
};

// Whether a checkpoint is due behind this batch.
bool is_marked(Cascade& cascade, const TrainBatch& batch, Clock::time_point& last) {
  const TrainOptions& options = cascade.options;
  if (!cascade.hooks.on_checkpoint || cascade.marker_on_its_way) return false;
  const bool time = options.checkpoint_every_s > 0 && seconds_since(last) >= options.checkpoint_every_s;
  const bool epoch = options.epoch_batches > 0 && (batch.batch + 1) % options.epoch_batches == 0;
  if (!time && !epoch) return false;
  cascade.marker_on_its_way = true;
  last = Clock::now();
  return true;
}

void read_all(Cascade& cascade, BatchReader& reader) {
  Clock::time_point last_marker = Clock::now();
  for (TrainBatch batch; !cascade.is_stopped() && reader.next(batch);) {
    batch.marker = is_marked(cascade, batch, last_marker);
    if (!cascade.buffers.front().put(std::move(batch))) return;
    batch = {};
  }
  cascade.buffers.front().end();
}

void run_stage(Cascade& cascade, std::size_t m, int threads) {
  const auto id = static_cast<ModuleId>(m);
  ModulePorts ports;
  ports.progress = [&](const BatchProgress& progress) {
    cascade.events.put(progress);
    if (cascade.is_stopped() && cascade.options.mode == TrainMode::async) cascade.close_all();
  };
  ports.checkpoint = [&](ModuleCheckpoint state) {
    if (cascade.hooks.on_save) cascade.hooks.on_save(id);
    cascade.events.put(Saved{m, std::move(state)});
  };
  if (cascade.hooks.on_step) ports.trace = [&](const TraceRow& row) { cascade.hooks.on_step(id, row); };
  if (m + 1 < cascade.buffers.size())
    ports.send = [&](TrainBatch&& batch) { return cascade.buffers[m + 1].put(std::move(batch)); };
  const bool to_the_end = run_module(cascade.trainers[m], id, cascade.options, cascade.buffers[m], ports, threads);
  if (!to_the_end) cascade.close_all();
  else if (m + 1 < cascade.buffers.size()) cascade.buffers[m + 1].end();
}

// The caller's part: hooks, and checkpoints put together.
class Caller {
 public:
  Caller(Cascade& cascade, const RunCheckpoint* from)
      : cascade_(cascade), saved_(begin_checkpoint(cascade.graph, cascade.options)), has_(cascade.trainers.size()) {
    if (from == nullptr) return;
    place_ = from->place;
    seconds_before_ = from->seconds;
  }

  void handle(const BatchProgress& progress) {
    if (index_of(progress.module) == 0) place_ = {progress.number + 1, progress.epoch, progress.batch + 1};
    if (cascade_.hooks.on_learnt) cascade_.hooks.on_learnt(progress);
    if (cascade_.hooks.on_batch) cascade_.hooks.on_batch(progress);
  }

  // The last states, given when the input has ended, belong to no marker.
  void handle(Saved& saved) {
    if (!cascade_.marker_on_its_way || has_[saved.module]) return;
    if (saved.module == 0) saved_.place = place_;
    saved_.modules[saved.module] = std::move(saved.state);
    has_[saved.module] = true;
    if (std::find(has_.begin(), has_.end(), false) != has_.end()) return;
    has_.assign(has_.size(), false);
    hand_over(false);
    cascade_.marker_on_its_way = false;
  }

  // All threads have ended.
  void finish() {
    if (!cascade_.hooks.on_checkpoint) return;
    saved_.place = place_;
    for (std::size_t m = 0; m < cascade_.trainers.size(); ++m) {
      if (cascade_.hooks.on_save) cascade_.hooks.on_save(static_cast<ModuleId>(m));
      saved_.modules[m] = cascade_.trainers[m].save(cascade_.trainers[m].next());
    }
    hand_over(true);
  }

  double seconds() const { return seconds_before_ + seconds_since(start_); }

 private:
  void hand_over(bool is_last) {
    saved_.seconds = seconds();
    cascade_.hooks.on_checkpoint(saved_, is_last);
  }

  Cascade& cascade_;
  RunCheckpoint saved_;
  std::vector<bool> has_;
  BatchPlace place_;  // behind the batch the first module learnt last
  double seconds_before_ = 0;
  Clock::time_point start_ = Clock::now();
};

// Hands events to the caller until all threads have ended; what a hook throws ends them.
void listen(Cascade& cascade, Caller& caller, std::size_t threads) {
  while (threads > 0) {
    Event event = cascade.events.take();
    if (std::holds_alternative<ThreadEnded>(event)) --threads;
    if (cascade.failure() != nullptr) continue;
    try {
      if (BatchProgress* progress = std::get_if<BatchProgress>(&event)) caller.handle(*progress);
      if (Saved* saved = std::get_if<Saved>(&event)) caller.handle(*saved);
    } catch (...) {
      cascade.fail();
    }
  }
}

// Starts a thread that tells when it ends, whatever its work throws.
template <class Work>
std::jthread start(Cascade& cascade, Work work) {
  return std::jthread([&cascade, work] {
    try {
      work();
    } catch (...) {
      cascade.fail();
    }
    cascade.events.put(ThreadEnded{});
  });
}

void run_threads(Cascade& cascade, BatchReader& reader, Caller& caller) {
  const std::size_t modules = cascade.trainers.size();
  const auto share = [&](std::size_t m) {
    const std::size_t all = static_cast<std::size_t>(cascade.options.threads);
    return static_cast<int>(std::max<std::size_t>(1, all / modules + (m < all % modules ? 1 : 0)));
  };
  std::vector<std::jthread> threads;  // all join here, whatever happens
  try {
    threads.push_back(start(cascade, [&] { read_all(cascade, reader); }));
    for (std::size_t m = 0; m < modules; ++m)
      threads.push_back(start(cascade, [&cascade, m, n = share(m)] { run_stage(cascade, m, n); }));
  } catch (const std::system_error&) {
    cascade.fail();
  }
  listen(cascade, caller, threads.size());
}

}  // namespace

TrainReport train_cascade(const Graph& graph, Weights& weights, const BatchSource& source, const TrainOptions& options,
                          const TrainHooks& hooks, const RunCheckpoint* from) {
  check_trainable(graph, weights, options);
  Cascade cascade(graph, options, hooks);
  for (std::size_t m = 0; m < graph.modules.size(); ++m) {
    const auto id = static_cast<ModuleId>(m);
    cascade.trainers.emplace_back(graph, id, options, weights);
    if (from != nullptr) cascade.trainers.back().restore(from->modules[m]);
    cascade.buffers.emplace_back(buffer_before(id, options));
  }
  BatchReader reader(graph, source, options, from == nullptr ? BatchPlace{} : from->place);
  Caller caller(cascade, from);
  // As many threads as asked for, also where the machine has fewer cores.
  const tbb::global_control limit(
      tbb::global_control::max_allowed_parallelism,
      static_cast<std::size_t>(std::max(options.threads, tbb::info::default_concurrency())));
  run_threads(cascade, reader, caller);
  if (cascade.failure() != nullptr) std::rethrow_exception(cascade.failure());
  caller.finish();
  TrainReport report;
  for (const ModuleTrainer& trainer : cascade.trainers) report.modules.push_back(trainer.report());
  report.batches = report.modules.back().batches;
  report.seconds = caller.seconds();
  report.stopped = cascade.is_stopped();
  return report;
}

}  // namespace cleave
