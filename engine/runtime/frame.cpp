#include "engine/runtime/frame.h"

#include <algorithm>
#include <new>

namespace cleave {

namespace {

constexpr std::align_val_t kLine{kCacheLine};

std::int64_t slot_floats(const Node& node, std::int64_t batch) {
  constexpr std::int64_t kFloatsPerLine = 16;
  const std::int64_t values = batch * element_count(node.type.shape);
  return (values + kFloatsPerLine - 1) / kFloatsPerLine * kFloatsPerLine;
}

// A petabyte stands for all frames larger than that, so that nothing computed from it overflows.
std::int64_t all_floats(const Graph& graph, std::int64_t batch) {
  constexpr std::int64_t kMost = std::int64_t{1} << 48;
  std::int64_t count = 0;
  for (const Node& node : graph.nodes) count = std::min(kMost, count + slot_floats(node, batch));
  return count;
}

}  // namespace

void Frame::Free::operator()(float* data) const { ::operator delete[](data, kLine); }

Frame::Frame(const Graph& graph, std::int64_t batch) : waiting(graph.nodes.size() + 1), batch_(batch) {
  const std::size_t bytes = sizeof(float) * static_cast<std::size_t>(all_floats(graph, batch));
  values_.reset(static_cast<float*>(::operator new[](bytes, kLine)));
  float* data = values_.get();
  for (const Node& node : graph.nodes) {
    slots_.push_back({&node.type.shape, data});
    data += slot_floats(node, batch);
  }
  for (std::atomic<std::int32_t>& entry : waiting) entry.store(kDone, std::memory_order_relaxed);
}

std::int64_t frame_bytes(const Graph& graph, std::int64_t batch) {
  const std::size_t nodes = graph.nodes.size();
  const std::size_t slot_bytes = sizeof(float*) + sizeof(const Shape*);
  const std::size_t fixed = sizeof(Frame) + nodes * slot_bytes + (nodes + 1) * sizeof(std::atomic<std::int32_t>);
  return static_cast<std::int64_t>(sizeof(float)) * all_floats(graph, batch) + static_cast<std::int64_t>(fixed);
}

}  // namespace cleave
