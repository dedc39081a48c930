// Bridges of a plan's edges: what both ends, worker or coordinator, make of a ShardEdge.
#pragma once

#include <string>

#include "engine/runtime/assignment.h"
#include "engine/runtime/shard.h"

namespace cleave {

// Who makes the bridge.
struct EdgeEnd {
  std::string device;  // this end's name
  std::uint64_t boot_id = 0;
  std::uint64_t incarnation = 0;
};

// Returns the options of `edge`'s bridge at the sending or receiving end; `dial` and the rest are the caller's. The
// coordinator's end of an edge is called kCoordinator.
BridgeOptions edge_bridge(const Assignment& assignment, const Sharding& sharding, const ShardEdge& edge,
                          const EdgeEnd& end, bool is_sender);

// "a -> b g1/relu"
std::string edge_name(const Assignment& assignment, const Sharding& sharding, const ShardEdge& edge);

}  // namespace cleave
