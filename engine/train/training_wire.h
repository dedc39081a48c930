// What travels between a coordinator and the workers of a training run, as JSON: options, progress, traces, scores.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/train/cascade.h"

namespace cleave {

// The options a worker needs. `threads`, `stop` and `epochs` are the coordinator's own.
std::string options_to_json(const TrainOptions& options);
TrainOptions options_from_json(std::string_view json);

std::string progress_to_json(const BatchProgress& progress);
BatchProgress progress_from_json(std::string_view json);

// Steps of a module; `layer` of a row points into the graph.
std::string trace_to_json(ModuleId module, const std::vector<TraceRow>& rows);
std::vector<TraceRow> trace_from_json(std::string_view json, const Graph& graph, ModuleId& module);

struct NumberedScore {
  ModuleId module = ModuleId::none;
  std::int64_t number = 0;  // of the test batch
  TestScore score;
};
std::string score_to_json(const NumberedScore& score);
NumberedScore score_from_json(std::string_view json);

}  // namespace cleave
