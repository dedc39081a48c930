// Flow: runs a graph on a stream of batches with several frames under way at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/runtime/frame.h"
#include "graphs/graph.h"

namespace cleave {

struct FlowOptions {
  std::int64_t batch = 1;                   // samples a frame holds
  std::int64_t in_flight = 4;               // frames under way at once
  int threads = 0;                          // 0 = as many as the machine has
  std::vector<NodeId> kept{};               // whose outputs the sink reads; empty = every node's, which takes memory
  bool serial = false;                      // the nodes of a sample run one after the other: takes the least memory
  double stall_s = 30;                      // nothing moves for so long: an error; 0 = wait for ever
  bool time_nodes = false;                  // fill RunReport::node_seconds
  const std::atomic<bool>* stop = nullptr;  // set by anyone: take no new frames, finish those under way
};

// Fills up to `input.batch` samples of frame `seq` and returns how many; 0 = the end. Called by one thread at a time,
// in order of seq, not always by the same one.
using FrameSource = std::function<std::int64_t(std::int64_t seq, TensorView input)>;
// The same for a graph with several inputs (nodes that read nothing): fills `whole_slot` of every one of them.
using FrameFiller = std::function<std::int64_t(std::int64_t seq, const Frame& frame)>;
// Called once per frame, in order of seq, by one thread at a time.
using FrameSink = std::function<void(const FrameResult&)>;

struct RunReport {
  std::int64_t frames = 0;  // given to the sink
  std::int64_t samples = 0;
  double seconds = 0;
  bool stopped = false;              // by the stop flag, before the source's end
  std::vector<double> node_seconds;  // by node, all frames together; empty unless asked for
};

// Holds the packed weights, a pool of `in_flight` frames, an arena for each trip under way and `threads` workers of its
// own. Results depend on none of
// the options. Not thread safe: one `run` at a time.
class Flow {
 public:
  // Copies the graph, plans the memory, packs the weights (moved in, they are never in memory twice) and allocates the
  // frames. Throws RunError when there is not enough memory. `options.stop` must outlive the runs.
  Flow(const Graph& graph, Weights weights, const FlowOptions& options);

  // Runs until the source ends, the stop flag is set or something fails; then the frames under way are finished, and
  // the sink has seen every frame before the first that failed. May be called again. Throws
  //   - RunError "node 'NAME' (OP): …" when an op throws, of the first frame that failed;
  //   - what the source or the sink threw, as it is;
  //   - RunError naming the nodes waited for when nothing has moved for `stall_s` seconds, the time spent in source and
  //     sink not counted. An op cannot be interrupted: its thread and the frames are left behind until it returns, and
  //     the flow may not be used again.
  RunReport run(const FrameSource& source, const FrameSink& sink);
  RunReport run(const FrameFiller& filler, const FrameSink& sink);

  // Bytes of the frames and arenas, and of the packed weights.
  std::int64_t activation_bytes() const;
  std::int64_t weight_bytes() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the thread that works on it, which a stall may leave behind
};

}  // namespace cleave
