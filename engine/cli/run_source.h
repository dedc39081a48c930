// Where `cleave run` takes its samples from: a data set, a file, or standard input.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "engine/runtime/evaluate.h"
#include "graphs/build.h"

namespace cleave {

struct RunInput {
  std::string where;       // "" = the model's data.test; "-" = stdin; NAME or NAME:SPLIT of a data set; else a file
  std::string format;      // raw | raw-f32 | npy; "" = npy for a file that ends so, else raw
  std::int64_t limit = 0;  // 0 = all
  const std::atomic<bool>* stop = nullptr;  // ends a wait for the stream
};

struct RunSource {
  LabelledSource next;
  std::int64_t count = 0;  // 0 = not known
};

// Opens the input. Bytes become value/255, floats stay as they are; then the network's scale, normalize or threshold
// applies. `model` must outlive the source. Throws UserError, RunError as the loaders do.
RunSource open_input(const Model& model, const RunInput& input);

}  // namespace cleave
