// One lock, one condition: whoever waits is woken by every put, take, end and close, and looks again. There is one
// taker and one putter, so waking all costs nothing.
#include "engine/train/buffer.h"

#include <algorithm>
#include <utility>

namespace cleave {

namespace {

double seconds_between(std::chrono::steady_clock::time_point a, std::chrono::steady_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

}  // namespace

BatchBuffer::BatchBuffer(const BufferOptions& options) : options_(options) {
  options_.capacity = std::max<std::int64_t>(1, options_.capacity);
}

bool BatchBuffer::can_put() const {
  const auto may_go = [&](const Item& i) { return i.learnt || (options_.drop_oldest && !i.batch->test); };
  return static_cast<std::int64_t>(items_.size()) < options_.capacity ||
         std::any_of(items_.begin(), items_.end(), may_go);
}

// Makes room after one too many was put: forgets the oldest batch that was learnt, else drops the oldest that was not.
void BatchBuffer::trim() {
  if (static_cast<std::int64_t>(items_.size()) <= options_.capacity) return;
  auto oldest = std::find_if(items_.begin(), items_.end(), [](const Item& i) { return i.learnt; });
  if (oldest == items_.end()) {
    oldest = std::find_if(items_.begin(), items_.end(), [](const Item& i) { return !i.batch->test; });
    ++counts_.dropped;
  }
  if (oldest->marker) std::find_if(oldest + 1, items_.end(), [](const Item& i) { return !i.learnt; })->marker = true;
  items_.erase(oldest);
}

bool BatchBuffer::put(TrainBatch batch) {
  std::unique_lock lock(mutex_);
  const Clock::time_point start = Clock::now();
  changed_.wait(lock, [&] { return closed_ || ended_ || can_put(); });
  counts_.put_wait_s += seconds_between(start, Clock::now());
  if (closed_ || ended_) return false;
  const bool marker = std::exchange(batch.marker, false);
  items_.push_back({std::make_shared<TrainBatch>(std::move(batch)), counts_.arrived++, marker, false});
  trim();
  last_arrival_ = Clock::now();
  lock.unlock();
  changed_.notify_all();
  return true;
}

bool BatchBuffer::has_unlearnt() const {
  return std::any_of(items_.begin(), items_.end(), [](const Item& i) { return !i.learnt; });
}

bool BatchBuffer::is_ready() const { return ended_ ? has_unlearnt() : !items_.empty(); }

std::deque<BatchBuffer::Item>::iterator BatchBuffer::choose() {
  if (options_.policy == BufferPolicy::fifo) return items_.begin();
  const auto test = std::find_if(items_.begin(), items_.end(), [](const Item& i) { return i.batch->test; });
  if (test != items_.end()) return test;
  for (auto item = items_.end(); item != items_.begin();)
    if (!(--item)->learnt) return item;
  // Only kept ones: the next older than the one taken last, else the newest.
  for (auto item = items_.end(); item != items_.begin();)
    if ((--item)->arrival < last_learnt_) return item;
  return items_.end() - 1;
}

// Drops what is older than the newest batch, which takes over the markers.
void BatchBuffer::drop_older(Item& newest) {
  const auto goes = [&](const Item& i) { return !i.batch->test && i.arrival < newest.arrival; };
  for (const Item& item : items_) newest.marker = newest.marker || (goes(item) && item.marker);
  counts_.dropped += static_cast<std::int64_t>(std::erase_if(items_, goes));
}

std::shared_ptr<const TrainBatch> BatchBuffer::take_out(std::deque<Item>::iterator chosen) {
  if (chosen->learnt) {
    ++counts_.reused;
    last_learnt_ = chosen->arrival;
    return chosen->batch;
  }
  ++counts_.taken;
  if (!chosen->batch->test) {
    newest_taken_ = std::max(newest_taken_, chosen->arrival);
    last_learnt_ = chosen->arrival;
  }
  if (options_.policy == BufferPolicy::replay && !chosen->batch->test) {
    chosen->learnt = true;
    if (!std::exchange(chosen->marker, false)) return chosen->batch;
    const std::shared_ptr<TrainBatch> marked = std::make_shared<TrainBatch>(*chosen->batch);  // the kept one is not
    marked->marker = true;
    return marked;
  }
  Item item = std::move(*chosen);
  items_.erase(chosen);
  if (options_.policy == BufferPolicy::latest && !item.batch->test) drop_older(item);
  item.batch->marker = item.marker;
  return item.batch;
}

std::shared_ptr<const TrainBatch> BatchBuffer::take(double timeout_s) {
  std::unique_lock lock(mutex_);
  const Clock::time_point start = Clock::now();
  const auto ready = [&] { return closed_ || ended_ || is_ready(); };
  if (timeout_s < 0) changed_.wait(lock, ready);
  else changed_.wait_for(lock, std::chrono::duration<double>(timeout_s), ready);
  counts_.take_wait_s += seconds_between(start, Clock::now());
  if (closed_ || !is_ready()) return nullptr;
  std::shared_ptr<const TrainBatch> batch = take_out(choose());
  lock.unlock();
  changed_.notify_all();
  return batch;
}

bool BatchBuffer::has_newer() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(items_.begin(), items_.end(),
                     [&](const Item& i) { return !i.learnt && !i.batch->test && i.arrival > newest_taken_; });
}

void BatchBuffer::end() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
}

void BatchBuffer::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    items_.clear();
  }
  changed_.notify_all();
}

bool BatchBuffer::is_ended() const {
  const std::lock_guard lock(mutex_);
  return closed_ || (ended_ && !has_unlearnt());
}

bool BatchBuffer::is_at_end() const {
  const std::lock_guard lock(mutex_);
  return !closed_ && ended_ && !has_unlearnt();
}

BufferCounts BatchBuffer::counts() const {
  const std::lock_guard lock(mutex_);
  BufferCounts counts = counts_;
  counts.waiting = std::count_if(items_.begin(), items_.end(), [](const Item& i) { return !i.learnt; });
  counts.silent_s = seconds_between(last_arrival_, Clock::now());
  return counts;
}

}  // namespace cleave
