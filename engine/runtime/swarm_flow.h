// SwarmFlow: Flow's twin over workers: frames in, frames out, in order, each exactly once, whatever dies between.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "engine/runtime/flow.h"
#include "engine/runtime/swarm_setup.h"

namespace cleave {

// What was measured of an edge; bytes with headers, of all frames.
struct EdgeReport {
  std::string name;  // "a -> b g1/relu"
  int from = kOutside, to = kOutside;
  std::int64_t frames = 0, bytes = 0, resent = 0, connects = 0;
  double busy_s = 0;  // the sending end, writing
  double wait_s = 0;  // the sending end, for room
};

struct StageReport {
  std::string device;
  std::int64_t frames = 0;
  double busy_s = 0;  // computing
  double wait_s = 0;  // for input
  std::uint64_t incarnation = 0;
};

struct SwarmReport {
  std::vector<StageReport> stages;
  std::vector<EdgeReport> edges;  // between stages, and of the coordinator
  std::int64_t replans = 0;
};

// Not thread safe: one `run`.
class SwarmFlow {
 public:
  // `wanted` are the nodes of `graph` (as built) whose outputs the sink asks for.
  SwarmFlow(const Graph& graph, const Weights& weights, const Plan& plan, std::vector<NodeId> wanted, SwarmSetup setup,
            const std::atomic<bool>& stop);
  ~SwarmFlow();

  // Frames that may be under way at once: a source may be asked for frame n when the sink has seen n - this.
  std::int64_t in_flight() const;
  // Finds the workers and gives them their stages. Throws as Coordinator::wait_ready.
  void start();
  // As Flow::run, but for the stall: a worker that is away is waited for (as long as there is no plan without it).
  RunReport run(const FrameSource& source, const FrameSink& sink);
  SwarmReport report() const;
  const Sharding& sharding() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cleave
