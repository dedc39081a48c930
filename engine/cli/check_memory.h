// What `cleave check --memory` says of a model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/runtime/fit_memory.h"
#include "engine/train/module_memory.h"
#include "graphs/build.h"

namespace cleave {

struct ModelMemory {
  RunMemory run;
  LimitsSpec limits;
  std::string patched_to;             // the layer the patches end in
  std::vector<ModuleMemory> modules;  // those that can be trained
};

// Nothing for a file without a network.
std::optional<ModelMemory> memory_of(const Model& model);
std::string memory_text(const ModelMemory& memory);
// {"run_memory": {…}, "memory": [{…} per module]}
nlohmann::ordered_json memory_json(const ModelMemory& memory);

}  // namespace cleave
