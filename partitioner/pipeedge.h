// PipeEdge interop: the three YAML files of its scheduler (github.com/usc-isi/PipeEdge, README_Scheduler.md; Hu et al.,
// "PipeEdge: Pipeline Parallelism for Large-Scale Model Inference on Heterogeneous Edge Devices", DSD 2022) as a
// Problem, and a plan in the form its runtime reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "partitioner/problem.h"
#include "partitioner/solve.h"

namespace cleave {

struct PipeEdgeFiles {
  std::string models, device_types, devices;  // paths
};

// What to plan; what is not stated is what the files have one of.
struct PipeEdgeOptions {
  std::string model;       // "" = the only one
  std::int64_t batch = 0;  // samples in a frame; 0 = the only batch size that all types with hosts were measured with
  std::string dtype;       // "torch.float32"; "" = the only one
  std::int64_t buffers_in = 2, buffers_out = 2;  // frames a stage holds beside the one it works on
};

struct PipeEdge {
  std::string model, dtype;
  std::int64_t batch = 1;
  std::vector<std::string> types;  // [kind]
  std::vector<std::string> hosts;  // [device], as in DeviceKind::devices
  // Positions are layers done. Seconds are `time_s`; a transfer takes its bytes over the narrower of the two
  // bandwidths, an Mbps being 2^20 bits a second; memory is a stage's layers and its buffers, strictly below the
  // type's.
  Problem problem;
};

// Reads the files. Throws ModelError with every mistake: a missing key, lists of unlike lengths, an unknown device
// type, a type with hosts but without a profile of the model; UserError when the options do not fit the files.
PipeEdge read_pipeedge(const PipeEdgeFiles& files, const PipeEdgeOptions& options = {});

// Returns the plan as PipeEdge's sched-pipeline prints it, a YAML list of `- host: [first, last]` by layers counted
// from 1, and its cost in comments behind it. Throws UserError (ExitCode::no_placement) when the solution has no
// stages, with the layer no type can hold, and the bytes it lacks, if that is why.
std::string pipeedge_plan_text(const PipeEdge& pipeedge, const Solution& solution);

}  // namespace cleave
