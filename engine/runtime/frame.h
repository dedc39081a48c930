// Frame: one batch travelling through the graph. It holds the output of every node (its slot) and, for the flow, how
// many inputs each node still waits for. Frames are made once and used for many trips.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

// What a node's entry of `Frame::waiting` says: > 0 inputs still to come, or one of these.
constexpr std::int32_t kRunning = 0;
constexpr std::int32_t kDone = -1;

class Frame {
 public:
  // Room for `batch` samples in one slot per node; values are not initialised. `graph` must outlive the frame. Throws
  // std::bad_alloc.
  Frame(const Graph& graph, std::int64_t batch);

  // The slot of a node: all `batch` samples of it, or those of this trip.
  TensorView whole_slot(NodeId id) const { return view(id, batch_); }
  TensorView slot(NodeId id) const { return view(id, count); }
  ConstTensorView output(NodeId id) const {
    const TensorView slot_view = slot(id);
    return {slot_view.batch, slot_view.shape, slot_view.data};
  }
  std::int64_t batch() const { return batch_; }

  std::int64_t seq = 0;                            // 0, 1, 2 … in the order in which the source filled them
  std::int64_t count = 0;                          // samples of this trip, at most `batch`
  std::vector<std::atomic<std::int32_t>> waiting;  // one per node, then one for the end of the trip
  std::atomic<bool> failed = false;                // on this trip: nothing more is computed
  std::exception_ptr error;                        // what the first node to fail threw; to be read after the trip

 private:
  struct Slot {
    const Shape* shape = nullptr;
    float* data = nullptr;
  };
  struct Free {
    void operator()(float* data) const;
  };
  TensorView view(NodeId id, std::int64_t samples) const {
    const Slot& s = slots_[index_of(id)];
    return {samples, s.shape, s.data};
  }

  std::int64_t batch_;
  std::unique_ptr<float[], Free> values_;
  std::vector<Slot> slots_;
};

// Returns the bytes one frame takes: its slots, each rounded up to a cache line, and its countdowns; about a petabyte
// for all that take more.
std::int64_t frame_bytes(const Graph& graph, std::int64_t batch);

// What a sink is shown of a finished frame; valid during the call only.
struct FrameResult {
  std::int64_t seq = 0;
  std::int64_t count = 0;
  const Frame* frame = nullptr;

  // The output of any node, [count, shape of the node].
  ConstTensorView output(NodeId id) const { return frame->output(id); }
};

}  // namespace cleave
