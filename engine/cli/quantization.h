// A network in int8: which numbers each layer reads, and what becomes of model and weights. For `cleave quantize`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/cli/samples.h"
#include "engine/cli/trained.h"
#include "graphs/yaml_reader.h"

namespace cleave {

struct QuantizeOptions {
  std::int64_t images = 1000;         // training images that are looked at
  double share = 1;                   // of a layer's inputs that need not be cut off; 1 = all, to the largest
  std::vector<std::string> except{};  // nodes that stay as they are
  int threads = 1;
};

// A layer that is computed in int8: one statement of the file, which may stand for several nodes (repeat, anchors).
struct QuantizedLayer {
  SourcePos pos;                     // of the statement
  std::vector<std::string> nodes{};  // its nodes' names
  double largest = 0;                // |input| over the images and nodes
  double most = 0;                   // the largest |input| that is not cut off
  std::string input_scale{};         // as it is written: most / 127, six digits
};

// Returns the conv2d and dense layers with the ranges of their inputs, in file order; those on bits with weights of -1,
// 0 and 1 are left out: they compute in bits. Throws UserError for an unknown name in `except` and where no layer is
// left, Interrupted when stopped.
std::vector<QuantizedLayer> calibrate(const Trained& trained, const Samples& images, const QuantizeOptions& options);

// Returns the model with `input_scale` on those layers, and with `weights_file` as its weights where it can name one.
// Files it names are given as seen from the folder of `output`.
std::string quantized_yaml(const Model& model, const std::vector<QuantizedLayer>& layers, const std::string& output,
                           const std::string& weights_file);

// Rounds the kernels of the graph's int8 layers to what is computed with.
void round_weights(const Graph& graph, Weights& weights);

}  // namespace cleave
