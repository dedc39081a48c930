#include "engine/runtime/frame.h"

#include <algorithm>
#include <cassert>
#include <new>

#include "ops/core/line_bytes.h"

namespace cleave {

namespace {

constexpr std::align_val_t kLine{kCacheLine};

}  // namespace

void LineFloats::Free::operator()(float* data) const { ::operator delete[](data, kLine); }

LineFloats::LineFloats(std::int64_t count)
    : values_(static_cast<float*>(::operator new[](sizeof(float) * static_cast<std::size_t>(count), kLine))) {}

Frame::Frame(const Graph& graph, const MemoryPlan& plan) : graph_(&graph), plan_(&plan), values_(plan.kept_floats) {}

Frame::Frame(const Graph& graph, std::int64_t batch)
    : own_plan_(std::make_unique<MemoryPlan>(plan_memory(graph, {.batch = batch, .slice = batch}))),
      graph_(&graph),
      plan_(own_plan_.get()),
      values_(plan_->kept_floats) {}

Trip::Trip(const Graph& graph, const MemoryPlan& plan)
    : waiting(graph.nodes.size() + 1), graph_(&graph), plan_(&plan), arena_(plan.arena_floats) {
  for (std::atomic<std::int32_t>& entry : waiting) entry.store(kDone, std::memory_order_relaxed);
}

void Trip::begin(Frame& frame, std::int64_t first, std::int64_t samples) {
  assert(samples <= plan_->slice && first + samples <= plan_->batch);
  frame_ = &frame;
  first_ = first;
  samples_ = samples;
}

std::int64_t frame_bytes(const Graph& graph, std::int64_t batch) {
  const std::size_t nodes = graph.nodes.size();
  const std::size_t fixed =
      sizeof(Frame) + sizeof(Trip) + nodes * sizeof(Place) + (nodes + 1) * sizeof(std::atomic<std::int32_t>);
  return plan_memory(graph, {.batch = batch, .slice = batch}).bytes(1, 1) + static_cast<std::int64_t>(fixed);
}

}  // namespace cleave
