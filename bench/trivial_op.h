// An op that does next to nothing: what is left of a graph's time is the flow's.
#pragma once

#include "engine/runtime/flow.h"
#include "engine/runtime/run_node.h"

namespace cleave {

inline constexpr OpDef kTrivial{.name = "trivial",
                                .doc = "adds one number",
                                .fields = {},
                                .max_inputs = -1,
                                .infer = [](const Params&, std::span<const TensorType> in) { return in.front(); },
                                .weights = nullptr,
                                .cost = nullptr,
                                .pack = nullptr,
                                .forward =
                                    [](const ForwardArgs& args) {
                                      float sum = 1;
                                      for (const ConstTensorView& input : args.inputs) sum += input.data[0];
                                      args.output.data[0] = sum;
                                    }};

// Returns a source that fills `frames` frames of one number.
inline FrameSource trivial_source(std::int64_t frames) {
  return [frames](std::int64_t seq, TensorView input) -> std::int64_t {
    if (seq >= frames) return 0;
    input.data[0] = static_cast<float>(seq);
    return 1;
  };
}

// What Flow::run does, without the flow.
inline void plain_loop(const Graph& graph, const std::vector<PackedWeights>& packed, Frame& frame, Trip& trip,
                       std::int64_t frames, const FrameSink& sink) {
  const FrameSource source = trivial_source(frames);
  for (frame.seq = 0;; ++frame.seq) {
    frame.count = source(frame.seq, frame.whole_slot(NodeId{0}));
    if (frame.count == 0) return;
    run_graph(graph, packed, frame, trip);
    sink({frame.seq, frame.count, &frame});
  }
}

}  // namespace cleave
