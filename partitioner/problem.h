// Problem: who runs what, as numbers; what the solvers see of a graph, a swarm and a cost table.
//
// Positions are the states of work done at which the network may be cut: 0 = nothing, positions - 1 = everything. On a
// chain they are prefixes; on a graph with skips, the down-sets of its nodes. A stage is the work between two positions
// on one device, and a plan is a run of stages, each on a device of its own, that goes from 0 to the last position.
// Not all devices need be used. What crosses a cut travels from each stage to the next one, so a tensor that is read
// two stages later is handed on.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "partitioner/cost.h"

namespace cleave {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Devices that nothing tells apart: speed, memory, power, battery, links. A pinned device and the source are kinds of
// their own.
struct DeviceKind {
  std::vector<int> devices;         // of the swarm, ascending
  double memory_bytes = kInfinity;  // what a stage may need at most
  double idle_w = 0, standby_w = 0, compute_w = 0;
  double battery_j = kInfinity;  // infinity = mains

  int count() const { return static_cast<int>(devices.size()); }
};

// A path between devices of two kinds (or between two of one kind).
struct LinkCost {
  double latency_s = 0;
  double seconds_per_byte = 0;  // infinity = there is no path
  bool half_duplex = false;

  double seconds(double bytes) const { return latency_s + bytes * seconds_per_byte; }
  bool operator==(const LinkCost&) const = default;
};

// One share of a split head: it runs before position 0, on a device that is no longer in `kinds`.
struct Share {
  int device = -1;
  double compute_s = 0;
  double receive_s = 0;           // of its input, where another device holds the data: until all copies are sent
  std::vector<double> send_s;     // [kind of the first stage]: of its part of the head's output, and of all copies of
                                  // the input if it sends these
  std::vector<bool> half_duplex;  // [kind of the first stage]: of its link to it, or of the link its input comes by
  double idle_w = 0, compute_w = 0, battery_j = kInfinity;
};

struct Problem {
  std::vector<DeviceKind> kinds;
  int positions = 1;
  // Chain: empty. Otherwise [position] -> bit set of the positions that contain it; positions are in an order in which
  // a contained one comes first.
  std::vector<std::vector<std::uint64_t>> after;

  std::vector<std::vector<double>> done_s;                        // [kind][position]: seconds of all work done by then
  std::vector<std::map<std::pair<int, int>, double>> measured_s;  // [kind]: stages measured as one; they win
  // Memory of a stage from a to b: held[b] - held[a] + in[a] + out[b], in bytes.
  std::vector<double> held_bytes, in_bytes, out_bytes;  // [position]
  std::vector<double> sent_bytes;                       // [position]: what travels when the network is cut there
  // [kind][position]: how many nodes done by then are pinned to it. All of a kind's must be in its one stage.
  std::vector<std::vector<int>> pinned;

  std::vector<std::vector<LinkCost>> links;  // [kind][kind]
  std::vector<double> entry_s;               // [kind]: seconds until its input has reached the first stage; may be 0
  std::vector<bool> entry_half_duplex;  // [kind]: of the links its input (or the shares' parts) comes by; empty = none
  std::vector<Share> shares;            // of a split head; empty = none
  const CostModelDef* model = nullptr;

  int last() const { return positions - 1; }
};

// One stage: a device of `kind` does the work from position `from` to position `to`.
struct Stage {
  int kind = 0;
  int from = 0, to = 0;

  bool operator==(const Stage&) const = default;
};
using Stages = std::vector<Stage>;

inline bool is_entry_half_duplex(const Problem& problem, int kind) {
  return !problem.entry_half_duplex.empty() && problem.entry_half_duplex[static_cast<std::size_t>(kind)];
}
inline bool is_half_duplex(const Share& share, int first_kind) {
  return !share.half_duplex.empty() && share.half_duplex[static_cast<std::size_t>(first_kind)];
}

bool is_after(const Problem& problem, int from, int to);
// Seconds of the stage's own work.
double compute_s(const Problem& problem, const Stage& stage);
double memory_bytes(const Problem& problem, const Stage& stage);
// True when memory and pins allow the stage (`from` before `to` is taken for granted).
bool is_allowed(const Problem& problem, const Stage& stage);
// Seconds of the transfer at position `at`; infinity where there is no path.
double transfer_s(const Problem& problem, int from_kind, int to_kind, int at);
// True when a device's time with a frame is not simply the longest of compute, receive and send.
bool is_coupled(const Problem& problem);
// Says what is wrong with the arrays' sizes, "" when nothing is. For tests and asserts.
const char* check_problem(const Problem& problem);

// What a plan comes to. Infinite period = not possible (no path, not allowed).
struct Score {
  double period_s = kInfinity;   // the longest time a device or a link is busy with a frame
  double latency_s = kInfinity;  // of one frame, end to end: all compute and all transfers on its way
  double joules = kInfinity;     // of one frame: compute power times compute time over all devices, and what the cost
                                 // model adds for transfers (gacoin.md, "P")
  double frames = 0;             // until the first battery is empty; infinity = all on mains (gacoin.md, "N")
  double balance = 1;            // shortest compute time of a stage or share over the longest; 1 for a single stage
  int devices = 0;               // how many are used

  bool operator==(const Score&) const = default;
};
// `period_s` > 0: frames come no faster than that (a fixed rate). The devices of the plan wait at idle power, the
// others at standby power.
Score evaluate(const Problem& problem, const Stages& stages, double period_s = 0);

}  // namespace cleave
