// What work costs: the table of seconds by node and device, and the cost models that make period, latency and joules
// out of compute and transfer times.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "graphs/graph.h"
#include "partitioner/profile.h"
#include "partitioner/swarm.h"

namespace cleave {

// A tensor travels as one frame of the wire format: this header, then the payload (wire.md).
inline constexpr std::int64_t kFrameHeaderBytes = 48;

// Returns the bytes on the wire of `elements` elements a sample, `batch` samples, header included. Bits are packed, 8
// to a byte.
std::int64_t wire_bytes(std::int64_t elements, DType dtype, std::int64_t batch);
// The same of a node's output, at its own dtype.
std::int64_t wire_bytes(const Graph& graph, NodeId node, std::int64_t batch);

// A run of nodes that was measured as one.
struct SegmentCost {
  std::int32_t first = 0, last = 0;  // node indices, both inside
  double seconds = 0;
};
// One of the shares of a split head.
struct ShareCost {
  std::string split;
  std::int64_t ways = 2;
  NodeId to = NodeId::none;
  double seconds = 0;
};

// The seconds of every node on every device, for frames of `batch` samples. Devices whose costs are equal share a row.
struct CostTable {
  std::int64_t batch = 1;
  std::vector<int> row_of;                         // by device
  std::vector<std::vector<Figure>> seconds;        // [row][node]; an estimate where nothing was measured
  std::vector<std::vector<SegmentCost>> segments;  // [row]
  std::vector<std::vector<ShareCost>> shares;      // [row]
};

// Returns the time of one frame through a node by its work alone: products over the device's speed, or the bytes over
// that of its memory, whichever is longer.
double estimated_seconds(const Cost& cost, const Device& device);

// Fills the table: a profile's times for the devices it speaks for (by name, else by preset), estimates elsewhere; see
// cost_table.cpp for nodes that only segments cover. Throws UserError (ModelError where the place is known) when a
// profile is of another graph (hash or names) or another batch.
CostTable cost_table(const Graph& graph, const Swarm& swarm, std::span<const Profile> profiles, std::int64_t batch);

// The measured segment that the sum of its nodes misses most: |sum - measured| / measured. What to expect where sums
// stand in for a segment nobody measured.
struct SumError {
  double share = 0;
  int row = -1;  // -1: no segment was measured
  SegmentCost segment;
};
SumError largest_sum_error(const CostTable& table);

// A cost model: what compute and transfer times come to.
struct CostModelDef {
  const char* name;
  const char* doc;
  // The seconds a device is busy with one frame: it computes, receives and sends. `half_duplex`: one of its two links
  // sends and receives over the same medium.
  double (*busy_s)(double compute_s, double receive_s, double send_s, bool half_duplex);
  bool separable;       // busy_s is the longest of its arguments unless half_duplex
  bool transfer_costs;  // a sender's joules for the time of the transfer, at idle power, belong to the frame
};
// overlapped (the default), summed, gacoin.
std::span<const CostModelDef> cost_model_catalog();

}  // namespace cleave
