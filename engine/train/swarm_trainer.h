// The inside of train_swarm; see train_swarm.cpp for how it works.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/train/train_swarm.h"

namespace cleave {

// In the number of a state's module: it is the last one, behind all input.
inline constexpr std::uint32_t kFinalState = std::uint32_t{1} << 31;
inline constexpr std::uint8_t kFlagTest = 8;  // of a data message: to be scored, not learnt

// Whether every batch reaches every module, once and in order. Otherwise some are dropped or used again, so that their
// numbers say nothing to the next module, and a checkpoint is what the modules say behind the same marker.
inline bool is_lossless(const TrainOptions& options) {
  return options.mode == TrainMode::lockstep ||
         (options.buffer.policy == BufferPolicy::fifo && !options.buffer.drop_oldest);
}

// A complete checkpoint in terms of the wire.
struct SafePoint {
  std::int64_t next = 0;  // number on the wire
  BatchPlace place;
  std::int64_t test_at = -1;  // the next is this test batch, behind the epoch before `place`; -1 = none
  bool is_last = false;       // nothing is learnt behind it
  std::vector<ModuleCheckpoint> modules;
};

// The modules on their workers.
struct Cast {
  Assignment assignment;
  Sharding sharding;
  std::vector<std::vector<ModuleId>> modules;  // by stage
  std::unique_ptr<Bridge> feed;
  std::unique_ptr<Coordinator> coordinator;
};

class SwarmTrainer {
 public:
  SwarmTrainer(const Graph& graph, Weights& weights, const BatchSource& source, const TrainOptions& options,
               const SwarmTraining& swarm, const TrainHooks& hooks, const RunCheckpoint* from);
  ~SwarmTrainer() { drop_cast(); }
  TrainReport run();

 private:
  void make_cast(const std::vector<int>& device_of);
  void drop_cast();
  std::vector<ControlMessage> work_for(int stage, std::uint64_t incarnation);
  void hear(const ControlMessage& message);
  void hear_state(const ControlMessage& message);
  void hear_trace(const ControlMessage& message);
  void hear_score(const ControlMessage& message);
  void complete(std::int64_t next);
  void excuse(const std::vector<ModuleId>& modules);
  static bool is_whole(const SafePoint& point);
  RunCheckpoint checkpoint_of(const SafePoint& point) const;
  void feed();
  void feed_from(const SafePoint& from);
  bool send(TrainBatch batch);
  bool send_tests(std::int64_t epoch, std::int64_t from);
  bool is_marker_due(std::int64_t number);
  bool stop_asked() const { return options_.stop != nullptr && *options_.stop; }
  void wait_for_end();
  void replace_gone();
  TrainReport report() const;

  const Graph& graph_;
  Weights& weights_;
  const BatchSource& source_;
  const TrainOptions& options_;
  const SwarmTraining& swarm_;
  const TrainHooks& hooks_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  double seconds_before_ = 0;
  std::int64_t between_ = 1;  // batches between two markers, at most
  std::vector<std::string> gone_;
  std::unique_ptr<Cast> cast_;
  std::thread feeder_;

  mutable std::mutex gate_;  // of all below
  std::condition_variable changed_;
  SafePoint safe_;
  std::map<std::int64_t, SafePoint> incomplete_;  // by next; modules as they come in
  std::int64_t fed_ = 0, end_ = -1;               // number behind the last one; -1 = not yet known
  bool hurry_ = false;                            // the feeder is to return
  std::int64_t last_marker_ = 0;
  std::chrono::steady_clock::time_point marked_ = std::chrono::steady_clock::now();
  std::exception_ptr source_error_;
  std::vector<std::int64_t> last_number_, last_step_;                              // by module: told to the hooks
  std::map<std::int64_t, std::int64_t> test_epoch_;                                // number of a test batch -> epoch
  std::map<std::int64_t, std::int64_t> test_count_;                                // epoch -> test batches
  std::vector<std::map<std::int64_t, std::map<std::int64_t, TestScore>>> scores_;  // [module][epoch][number]
  std::vector<ModuleReport> reports_;
  std::int64_t finished_ = 0;  // batches, by the last module
};

}  // namespace cleave
