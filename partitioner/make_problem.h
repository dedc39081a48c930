// From graph, swarm and cost table to the numbers the solvers work on.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "partitioner/cuts.h"
#include "partitioner/plan.h"

namespace cleave {

// What is planned; all of it outlives the planning.
struct Setting {
  const Graph& graph;
  const Swarm& swarm;
  const CostTable& costs;
  const PlanRequest& request;
};

// The figures at every position, whoever does the work. Rows are those of the cost table.
struct Numbers {
  Positions positions;
  std::map<std::int32_t, int> prefixes;  // index of a node -> the position at which all up to it is done, in file order
  bool every_cut = true;                 // false: cuts along the file's order only
  std::vector<bool> may_cut;             // [position]; where no cuts are stated, not within a layer
  std::vector<std::vector<double>> done_s;                        // [row][position]
  std::vector<std::vector<int>> estimates;                        // [row][position]: nodes done, of these estimated
  std::vector<std::map<std::pair<int, int>, double>> measured_s;  // [row]
  std::vector<double> held_bytes, in_bytes, out_bytes, sent_bytes, work;  // [position]
  std::map<int, std::vector<int>> pinned;                                 // device -> [position]
};

// Throws UserError when the cuts asked for are more than kMaxPositions.
Numbers numbers_of(const Setting& setting);

// The position behind node `to` in the file's order; -1 = it is no position.
int position_of(const Numbers& numbers, NodeId to);

// A problem and how its positions are called among all of them.
struct Subproblem {
  Problem problem;
  std::vector<int> positions;  // of Numbers
};

// What stands behind position `from` and the cuts allowed there, for the devices that are not `taken`.
Subproblem problem_behind(const Setting& setting, const Numbers& numbers, int from, const std::vector<bool>& taken);

// The shares of one split, whoever computes them.
struct SplitFigures {
  SplitSpec spec;
  SplitGraph split;
  int at = 0;                                    // position behind the head
  std::vector<std::vector<Figure>> seconds;      // [share][row]
  std::vector<std::int64_t> memory_bytes, work;  // [share]
  std::vector<std::int64_t> sent_bytes;          // [share]: to the first stage behind
};

// Throws OpError where the graph cannot be split so.
SplitFigures split_figures(const Setting& setting, const Numbers& numbers, const SplitSpec& spec);

// What stands behind the split head when share i runs on devices[i].
Subproblem problem_behind_split(const Setting& setting, const Numbers& numbers, const SplitFigures& figures,
                                const std::vector<int>& devices);

// Devices that are not taken, by what tells them apart.
std::vector<DeviceKind> device_kinds(const Setting& setting, const std::vector<bool>& taken);
// f32 in memory, whatever travels: a node's slots in the frames under way.
std::int64_t slot_bytes(const PlanRequest& request, const TensorType& type);
// The receive or send window of a cut: two frames, or twice what is under way on the fastest link (wire.md, "Flow").
double window_bytes(const Swarm& swarm, double frame_bytes);
LinkCost link_cost(const Swarm& swarm, int from, int to);
// Seconds of the transfer of `bytes` between two devices; 0 for a device and itself, infinity without a path.
double link_s(const Swarm& swarm, int from, int to, double bytes);
// False for a device and itself, and from nowhere (< 0).
bool is_half_duplex(const Swarm& swarm, int from, int to);
// What a stage may hold on a device.
std::int64_t memory_limit(const Setting& setting, int device);
// True when nothing tells the two devices apart.
bool is_same_kind(const Setting& setting, int a, int b);
// Fills `nodes` of a plan's stages and `tensors` of its cuts.
void name_nodes(const Setting& setting, Plan& plan);

}  // namespace cleave
