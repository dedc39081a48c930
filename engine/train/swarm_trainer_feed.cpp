// What the first module of a training run is fed: batches to learn, marked now and then, and test batches.
#include <algorithm>
#include <utility>

#include "engine/train/batch_reader.h"
#include "engine/train/swarm_trainer.h"

namespace cleave {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kMarkers{500};  // between two markers, where that does not keep too much

}  // namespace

// A marker is due when the last one is complete and enough came behind it.
bool SwarmTrainer::is_marker_due(std::int64_t number) {
  const std::lock_guard lock(gate_);
  if (!incomplete_.empty()) return false;
  const std::int64_t since = number - last_marker_ + 1;
  return since >= between_ || Clock::now() - marked_ >= kMarkers;
}

bool SwarmTrainer::send(TrainBatch batch) {
  const ShardEdge& edge = cast_->sharding.feeds.front();
  const auto buffer = std::make_shared<Buffer>(packed_bytes(edge.type.shape, edge.type.dtype, batch.data.images));
  pack_batch(batch.data, edge.type.dtype, buffer->bytes());
  WireFrame frame;
  frame.seq = static_cast<std::uint64_t>(batch.number);
  frame.tag = static_cast<std::uint64_t>(batch.epoch) << 32 | static_cast<std::uint64_t>(batch.batch);
  frame.flags = static_cast<std::uint8_t>((batch.marker ? kFlagMarker : 0) | (batch.test ? kFlagTest : 0));
  frame.payload = buffer;
  if (!cast_->feed->send(std::move(frame))) return false;
  const std::lock_guard lock(gate_);
  fed_ = batch.number + 1;
  return !hurry_;
}

// Sends the test batches behind an epoch, from the `from`-th on.
bool SwarmTrainer::send_tests(std::int64_t epoch, std::int64_t from) {
  if (!swarm_.test) return true;
  Tensor images(options_.batch, graph_.nodes.front().type.shape);
  std::vector<std::int32_t> labels(static_cast<std::size_t>(options_.batch));
  for (std::int64_t i = 0;; ++i) {
    const std::int64_t count = swarm_.test(0, i, images.view(), labels);
    if (count <= 0) {
      const std::lock_guard lock(gate_);
      test_count_[epoch] = i;
      return true;
    }
    if (i < from) continue;
    TrainBatch batch;
    {
      const std::lock_guard lock(gate_);
      batch.number = fed_;
      test_epoch_[batch.number] = epoch;
    }
    batch.epoch = epoch;
    batch.batch = i;
    batch.test = true;
    fill_batch(batch.data, {count, &images.shape, images.data.data()},
               std::span(labels).first(static_cast<std::size_t>(count)), options_.lanes);
    if (!send(std::move(batch))) return false;
  }
}

void SwarmTrainer::feed_from(const SafePoint& from) {
  BatchReader reader(graph_, source_, options_, from.place);
  TrainBatch batch;
  if (from.test_at >= 0 && !send_tests(from.place.epoch, from.test_at)) return;
  bool more = !stop_asked() && reader.next(batch);
  while (more) {
    TrainBatch following;
    more = reader.next(following) && !stop_asked();
    const bool ends_epoch = !more || following.epoch != batch.epoch;
    const BatchPlace place = place_after(batch);
    {
      const std::lock_guard lock(gate_);
      batch.number = fed_;
    }
    const bool of_epoch = options_.epoch_batches > 0 && (batch.batch + 1) % options_.epoch_batches == 0;
    batch.marker = is_marker_due(batch.number) || !more || of_epoch;
    if (batch.marker) {
      const std::lock_guard lock(gate_);
      SafePoint point{batch.number + 1, place, ends_epoch && swarm_.test ? 0 : -1, !more, {}};
      point.modules.resize(graph_.modules.size());
      for (ModuleCheckpoint& module : point.modules) module.next = -1;
      incomplete_.emplace(point.next, std::move(point));
      last_marker_ = batch.number + 1;
      marked_ = Clock::now();
    }
    const std::int64_t epoch = batch.epoch;
    if (!send(std::move(batch))) return;
    if (ends_epoch && !stop_asked() && !send_tests(epoch, 0)) return;
    batch = std::move(following);
  }
  const std::lock_guard lock(gate_);
  end_ = fed_;
  cast_->feed->end_at(static_cast<std::uint64_t>(end_));
  changed_.notify_all();
}

void SwarmTrainer::feed() {
  try {
    SafePoint from;
    {
      const std::lock_guard lock(gate_);
      from = {safe_.next, safe_.place, safe_.test_at, false, {}};
      fed_ = last_marker_ = safe_.next;
    }
    feed_from(from);
  } catch (...) {
    const std::lock_guard lock(gate_);
    source_error_ = std::current_exception();
    changed_.notify_all();
  }
}

}  // namespace cleave
