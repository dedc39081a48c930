// OnnxGraph -> Graph and Weights: every op taken, folded or listed as one that cannot be taken.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graphs/graph.h"
#include "graphs/onnx_graph.h"

namespace cleave {

struct OnnxImportOptions {
  std::map<std::string, Shape> shapes = {};  // of inputs, the batch first, in place of what the file says
  std::string output = {};                   // which of several; empty: the only one
};

// A network as it came out of a file. Layers are named where the file names them, others are not: no two alike, and as
// the model language wants names. `notes` say what is otherwise than in the file.
struct OnnxNetwork {
  Graph graph;
  Weights weights;
  std::vector<std::string> notes;
};

// Throws UserError, beginning with `path`, with every node that cannot be taken and why; or when inputs and outputs are
// not as needed: one of each, with fixed sizes.
OnnxNetwork convert_onnx(const OnnxGraph& source, const OnnxImportOptions& options, const std::string& path);

}  // namespace cleave
