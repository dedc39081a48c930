// The run folder: what a training run leaves behind.
//   run.json                  the resolved model, version, arguments, seed, host, start, end, results
//   trace/MODULE.csv          one row a recorded step
//   weights/last.safetensors  after every epoch and at the end, also of a stopped run
#pragma once

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "graphs/graph.h"
#include "graphs/yaml_reader.h"

namespace cleave {

struct RunFolder {
  std::filesystem::path path;

  std::string weights_file() const { return (path / "weights" / "last.safetensors").string(); }
};

// What run.json says.
struct RunRecord {
  const DocNode* model = nullptr;      // as resolved
  std::vector<std::string> arguments;  // of the program
  std::uint64_t seed = 0;
  int threads = 0;
  std::string started, ended;  // UTC; "" = not yet
  std::string status;          // running | done | stopped | failed
  std::string results;         // JSON; "" = none yet
};

// Returns "20261120T153800Z-NAME": UTC, and the name with what is no letter, digit, '.', '_' or '-' replaced.
std::string run_folder_name(std::time_t now, const std::string& name);
// Returns "2026-11-20T15:38:00Z".
std::string utc_text(std::time_t now);

// Makes the folder `wanted`, or `wanted`-2, -3 … where there is one that is not empty, with trace/ and weights/ in it.
// Throws RunError with path and reason when it cannot be made or written, or has less than `needed_bytes` of room.
RunFolder make_run_folder(const std::filesystem::path& wanted, std::int64_t needed_bytes);

// Returns the trace file of each module: its name, made fit for a file, and made different where two are alike.
std::vector<std::filesystem::path> trace_files(const RunFolder& folder, const Graph& graph);

// Writes run.json whole. Throws RunError.
void write_run_record(const RunFolder& folder, const RunRecord& record);

}  // namespace cleave
