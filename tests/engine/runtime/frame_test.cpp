#include "engine/runtime/frame.h"

#include <gtest/gtest.h>

#include "engine/runtime/flow.h"

namespace cleave {
namespace {

// A frame of 2^64 bytes, which 64 bits would count as none.
TEST(Frame, OneTooLargeToCountIsRefused) {
  Graph graph;
  Node input;
  input.type.shape = {std::int64_t{1} << 28};
  graph.nodes.assign(1 << 14, input);
  constexpr std::int64_t kBatch = 1 << 20;
  EXPECT_GE(frame_bytes(graph, kBatch), std::int64_t{1} << 50);
  EXPECT_THROW(Flow(graph, Weights(graph.nodes.size()), {.batch = kBatch}), RunError);
}

}  // namespace
}  // namespace cleave
