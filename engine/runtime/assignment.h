// Assignment: what a coordinator tells a worker to do, all but model and weights. Plain data, JSON on the wire.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/runtime/bridge.h"
#include "partitioner/plan.h"

namespace cleave {

struct Assignment {
  std::string run;            // names the run in logs
  std::uint64_t run_key = 0;  // goes into every edge's id: bridges of two runs, or of two plans of a run, never meet
  std::string mode;           // infer | train
  Plan plan;                  // split, stages (nodes, share) and cuts; no costs
  std::vector<std::string> devices;              // of the swarm; stages name them by number
  int stage = 0;                                 // the worker's
  std::uint64_t incarnation = 1;                 // counts the processes that were given this stage in this run
  std::map<std::string, std::string> addresses;  // of workers, by device
  std::vector<std::string> wanted;               // nodes whose outputs the coordinator wants
  std::int64_t batch = 1;
  std::int64_t in_flight = 1;      // frames under way in the stage
  std::int64_t window_frames = 2;  // that may be on their way between two stages
  std::int64_t keep_frames = 8;    // that a sending end keeps until they are committed
  int threads = 1;
  std::string weights_hash;  // SHA-256 of the weights' bytes, in hex; "" = none are needed
  std::uint64_t first = 0;   // number of the first frame (training: of the first batch)
  double dead_s = 2;         // silence after which a link is taken for broken
  // Emulation: the seconds this stage takes with a frame (training: with the forward pass of a batch, and with a step),
  // and its links to other stages.
  double pace_s = 0, pace_step_s = 0;
  std::map<std::string, LinkPace> link_paces;  // by the device sent to
  std::string training;                        // JSON of the training options; "" for inference
  int states = 0;                              // module states that follow

  // The name of a stage's device.
  const std::string& device_of(int stage_number) const {
    return devices[static_cast<std::size_t>(plan.stages[static_cast<std::size_t>(stage_number)].device)];
  }
  const std::string& device() const { return device_of(stage); }
};

std::string to_json(const Assignment& assignment);
// Throws RunError for what is no assignment.
Assignment parse_assignment(std::string_view json);

}  // namespace cleave
