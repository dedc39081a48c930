// Frame: one batch on its way through the graph, with the outputs that somebody outside writes or reads. Trip: a slice
// of a frame's samples passing the nodes, with everything in between. Both are made once and used many times.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <vector>

#include "engine/runtime/memory_plan.h"
#include "graphs/graph.h"

namespace cleave {

// Floats that begin at a cache line; not initialised.
class LineFloats {
 public:
  LineFloats() = default;
  // Throws std::bad_alloc.
  explicit LineFloats(std::int64_t count);
  float* data() const { return values_.get(); }

 private:
  struct Free {
    void operator()(float* data) const;
  };
  std::unique_ptr<float[], Free> values_;
};

class Frame {
 public:
  // Room for the kept outputs of `plan.batch` samples. Graph and plan must outlive the frame. Throws std::bad_alloc.
  Frame(const Graph& graph, const MemoryPlan& plan);
  // The same where every node's output is kept, `batch` samples of it.
  Frame(const Graph& graph, std::int64_t batch);

  // The slot of a kept node: all `batch` samples of it, or those of this trip.
  TensorView whole_slot(NodeId id) const { return view(id, 0, plan_->batch); }
  TensorView slot(NodeId id) const { return view(id, 0, count); }
  ConstTensorView output(NodeId id) const { return as_const(slot(id)); }
  // `samples` samples of it, from `first` on.
  TensorView view(NodeId id, std::int64_t first, std::int64_t samples) const {
    const Place& place = plan_->places[index_of(id)];
    const TensorView whole{samples, &graph_->node(id).type.shape, values_.data() + place.at};
    assert(place.kept);
    return {samples, whole.shape, whole.sample(first)};
  }
  std::int64_t batch() const { return plan_->batch; }
  const MemoryPlan& plan() const { return *plan_; }

  std::int64_t seq = 0;              // 0, 1, 2 … in the order in which the source filled them
  std::int64_t count = 0;            // samples that the source gave, at most `batch`
  std::int64_t taken = 0, left = 0;  // samples that trips have begun with; trips that have not ended
  std::atomic<bool> failed = false;  // nothing more is computed
  std::exception_ptr error;          // what the first node to fail threw; to be read when all trips have ended

 private:
  std::unique_ptr<const MemoryPlan> own_plan_;
  const Graph* graph_;
  const MemoryPlan* plan_;
  LineFloats values_;
};

// What a node's entry of `Trip::waiting` says: > 0 inputs still to come, or one of these.
constexpr std::int32_t kRunning = 0;
constexpr std::int32_t kDone = -1;

class Trip {
 public:
  // An arena for `plan.slice` samples. Graph and plan must outlive the trip. Throws std::bad_alloc.
  Trip(const Graph& graph, const MemoryPlan& plan);

  // Takes `samples` samples of a frame that has the same plan, from `first` on; at most a slice.
  void begin(Frame& frame, std::int64_t first, std::int64_t samples);
  Frame& frame() const { return *frame_; }

  // Where a node writes, and what its readers see.
  TensorView slot(NodeId id) const {
    const Place& place = plan_->places[index_of(id)];
    if (place.kept) return frame_->view(id, first_, samples_);
    return {samples_, &graph_->node(id).type.shape, arena_.data() + place.at, place.halo};
  }
  ConstTensorView output(NodeId id) const { return as_const(slot(id)); }
  std::span<float> scratch(NodeId id) const {
    const Place& place = plan_->places[index_of(id)];
    return {arena_.data() + place.scratch, static_cast<std::size_t>(place.scratch_size)};
  }

  std::vector<std::atomic<std::int32_t>> waiting;  // one per node, then one for the end of the trip

 private:
  const Graph* graph_;
  const MemoryPlan* plan_;
  LineFloats arena_;
  Frame* frame_ = nullptr;
  std::int64_t first_ = 0, samples_ = 0;
};

// Returns the bytes of one frame with everything in it, where every node's output is kept; about a petabyte for all
// that take more.
std::int64_t frame_bytes(const Graph& graph, std::int64_t batch);

// What a sink is shown of a finished frame; valid during the call only.
struct FrameResult {
  std::int64_t seq = 0;
  std::int64_t count = 0;
  const Frame* frame = nullptr;

  // The output of a kept node, [count, shape of the node].
  ConstTensorView output(NodeId id) const { return frame->output(id); }
};

}  // namespace cleave
