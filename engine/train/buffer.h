// BatchBuffer: the queue before a module (paper 000, section 3.1): bounded, with a stated policy.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "engine/train/module_trainer.h"

namespace cleave {

// Thread safe; one thread takes. Batches are handed out as shared pointers: replay keeps them.
//   fifo    in order of arrival
//   latest  the newest; older ones are dropped when it is taken
//   replay  the newest first; those taken stay, and are taken again, newest first, each in its turn, while nothing new
//           is there. The kept ones make room for new ones, the oldest first.
// Test batches come out first with latest and replay, in their turn with fifo. They and markers are never dropped:
// a dropped batch's marker moves to the next batch that arrived.
class BatchBuffer {
 public:
  explicit BatchBuffer(const BufferOptions& options);
  // Waits for room, or makes it by dropping the oldest batch. False when closed; the batch is gone then.
  bool put(TrainBatch batch);
  // Waits for a batch, at most `timeout_s` (< 0 = for ever); null at the timeout and at the end. With replay a batch
  // already learnt is returned rather than waiting, once there is one, and never with its marker.
  std::shared_ptr<const TrainBatch> take(double timeout_s);
  // Whether a batch to learn waits that is newer than the one last taken.
  bool has_newer() const;
  void end();              // no more will be put: take returns what is left, then null
  void close();            // at once
  bool is_ended() const;   // ended or closed, and nothing is left
  bool is_at_end() const;  // ended, not closed, and nothing is left: everything was handed out
  BufferCounts counts() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Item {
    std::shared_ptr<TrainBatch> batch;  // without its marker until it is handed out
    std::int64_t arrival = 0;
    bool marker = false;
    bool learnt = false;  // kept by replay
  };
  bool can_put() const;
  void trim();
  bool is_ready() const;
  bool has_unlearnt() const;
  std::deque<Item>::iterator choose();
  void drop_older(Item& newest);
  std::shared_ptr<const TrainBatch> take_out(std::deque<Item>::iterator chosen);

  BufferOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;  // by arrival
  BufferCounts counts_;
  std::int64_t newest_taken_ = -1;  // arrivals of batches taken to be learnt
  std::int64_t last_learnt_ = -1;
  bool ended_ = false, closed_ = false;
  Clock::time_point last_arrival_ = Clock::now();
};

}  // namespace cleave
