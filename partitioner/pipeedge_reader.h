// The text of PipeEdge's three files as numbers, checked.
#pragma once

#include "partitioner/pipeedge.h"

namespace cleave {

struct PipeEdgeType {
  std::string name;
  double mem_mb = 0, bw_mbps = 0;
  std::vector<double> time_s;  // [layer]
  std::vector<std::string> hosts;
};

struct PipeEdgeData {
  std::string model, dtype;
  std::int64_t batch = 1;
  std::vector<double> mem_mb;           // [layer]
  std::vector<double> parameters_out;   // [layer], of one sample
  double parameters_in = 0;             // of the first layer
  std::int64_t bytes_of_parameter = 4;  // by dtype
  std::vector<PipeEdgeType> types;      // those that have hosts
};

// As read_pipeedge.
PipeEdgeData read_pipeedge_data(const PipeEdgeFiles& files, const PipeEdgeOptions& options);

}  // namespace cleave
