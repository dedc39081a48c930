// Random placement problems, small enough to try every plan of: the same seed gives the same problem everywhere.
#pragma once

#include <cstdint>

#include "partitioner/problem.h"
#include "partitioner/solve.h"

namespace cleave {

struct RandomShape {
  int max_layers = 12;
  int max_devices = 5;
  bool dag = false;            // positions are the down-sets of a random graph with skips, at most max_layers + 1
  bool coupled = false;        // any cost model, half-duplex links
  bool memory = true;          // limits that depend on where a stage starts and ends
  bool pins = true;            // nodes that must run on one device
  bool measured = true;        // stages measured as one: times are not additive
  bool shares = true;          // of a split head, before the first stage
  bool unreachable = true;     // pairs without a path
  bool batteries = true;       // else all on mains
  bool equal_devices = false;  // one kind only
};

// A problem for which check_problem finds nothing; whether it has a plan is left to chance.
Problem random_problem(std::uint64_t seed, const RandomShape& shape);

// Limits on the number of stages and a frame rate, each in some of the goals only; a latency limit never.
Goal random_goal(std::uint64_t seed, const Problem& problem);

}  // namespace cleave
