// ONNX file -> a model and its weights, ready to be written.
#pragma once

#include <string>
#include <vector>

#include "graphs/build.h"
#include "graphs/onnx_convert.h"
#include "graphs/schema.h"

namespace cleave {

struct ImportedModel {
  std::string text;  // the model file
  Model model;       // the same, read
  Weights weights;
  std::vector<std::string> notes;  // what is otherwise than in the ONNX file
};

// Returns the network of `source` as a model called `name` that loads `weights_file`. `path` is the ONNX file's, for
// messages. Throws UserError as `convert_onnx`, and where the network is too large for a model file.
ImportedModel import_model(const OnnxGraph& source, const OnnxImportOptions& options, const std::string& path,
                           const std::string& name, const std::string& weights_file, const Language& language);

}  // namespace cleave
