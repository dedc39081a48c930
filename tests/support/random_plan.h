// Plans at random, good or bad: whatever the planner could have said.
#pragma once

#include <cstdint>

#include "tests/support/planned.h"

namespace cleave {

// Returns a plan of up to `stages` stages (fewer where there are not so many positions), its nodes named: positions
// and devices are drawn. With `split`, the shares come first. Throws OpError where the graph cannot be split so.
Plan random_plan(const Setting& setting, std::uint64_t seed, int stages, const SplitSpec* split = nullptr);

// The names of a swarm's devices.
std::vector<std::string> device_names(const Swarm& swarm);

// What an exact run of a graph is held against: the outputs of all heads, and of the whole.
std::vector<NodeId> all_heads(const Graph& graph);

}  // namespace cleave
