#include "engine/train/run_traces.h"

namespace cleave {

RunTraces::RunTraces(const RunFolder& folder, const Graph& graph, const TraceConfiguration& configuration,
                     std::int64_t batches_per_epoch, const RunCheckpoint* from) {
  std::size_t m = 0;
  for (const std::filesystem::path& file : trace_files(folder, graph)) {
    TraceConfiguration settings = configuration;
    settings.insert(settings.begin(), {"module", graph.modules[m].name});
    if (from != nullptr) {
      cut_trace(file, from->modules[m].counts.steps);
      cut_trace(batches_file(file), from->place.number);
    }
    steps_.emplace_back(file, settings);
    batches_.emplace_back(batches_file(file), settings, batches_per_epoch);
    ++m;
  }
}

void RunTraces::finish_batches() {
  for (BatchWriter& writer : batches_) writer.finish();
}

void RunTraces::finish() {
  for (TraceWriter& writer : steps_) writer.finish();
  finish_batches();
}

}  // namespace cleave
