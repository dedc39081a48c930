// What flows into and out of an ONNX network.
#pragma once

#include <map>
#include <string>

#include "graphs/onnx_work.h"

namespace cleave {

// Throws UserError "PATH: WHY" for a model that is not valid.
[[noreturn]] void refuse(const std::string& path, const std::string& why);

// Returns the output called `name`; the only one where that is empty. Throws UserError with the names there are.
const OnnxValue& chosen_output(const OnnxGraph& source, const std::string& name, const std::string& path);

// Starts the graph with its input: an image [C, H, W] or a vector, by `shapes` (the batch first) or what the file says.
// An input that all its readers turn from [N, H, W, C] is read as [C, H, W]. Throws UserError for sizes left open.
void set_input(OnnxWork& work, const OnnxValue& input, const std::map<std::string, Shape>& shapes,
               const std::string& path);

}  // namespace cleave
