// The run folder: what a training run leaves behind.
//   run.json                  the resolved model, version, arguments, seed, host, start, end, results
//   model.yaml                the resolved model, as a text that reads as the same model
//   trace/MODULE.csv          one row a recorded step
//   trace/MODULE.batches.csv  one row a batch
//   weights/last.safetensors  after every epoch and at the end, also of a stopped run
//   checkpoints/NNNNNN.ckpt   to go on from, see run_checkpoint.h
//   chains/N                  where there are several chains, those behind the first, laid out alike
//   messages.log              to repeat the run from, see message_log.h
//   draws/NNN.safetensors     the newest draws, with every checkpoint, see draw_files.h
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
  std::string model_file() const { return (path / "model.yaml").string(); }
  std::filesystem::path checkpoints() const { return path / "checkpoints"; }
  std::filesystem::path messages() const { return path / "messages.log"; }
  std::filesystem::path draws() const { return path / "draws"; }
};

// What run.json says.
struct RunRecord {
  const DocNode* model = nullptr;      // as resolved; null when read back
  std::string model_file;              // absolute
  std::string model_words;             // that name the model on a command line, as given
  std::vector<std::string> arguments;  // of the program
  std::uint64_t seed = 0;
  int threads = 0;
  std::string started, ended;        // UTC; "" = not yet
  std::vector<std::string> resumed;  // UTC
  std::string start_weights;         // absolute; "" = random ones of the seed
  std::string start_hash;            // of the weights it began with
  std::string status;                // running | done | stopped | failed
  std::string results;               // JSON; "" = none yet
};

// Returns "20261120T153800Z-NAME": UTC, and the name with what is no letter, digit, '.', '_' or '-' replaced.
std::string run_folder_name(std::time_t now, const std::string& name);
// Returns "2026-11-20T15:38:00Z".
std::string utc_text(std::time_t now);

// Makes the folder `wanted`, or `wanted`-2, -3 … where there is one that is not empty, with trace/ and weights/ in it.
// Throws RunError with path and reason when it cannot be made or written, or has less than `needed_bytes` of room.
RunFolder make_run_folder(const std::filesystem::path& wanted, std::int64_t needed_bytes);

// Returns the folder of a chain, 1 and up: the run's own for the first, RUN/chains/N for the others. All are laid out
// alike.
RunFolder chain_folder(const RunFolder& run, std::int64_t chain);
// Returns those that are there, in order.
std::vector<RunFolder> chain_folders(const RunFolder& run);
// Makes the folder of a chain with trace/ and weights/ in it, where it is not there. Throws RunError.
RunFolder make_chain_folder(const RunFolder& run, std::int64_t chain);

// Returns the trace file of each module: its name, made fit for a file, and made different where two are alike.
std::vector<std::filesystem::path> trace_files(const RunFolder& folder, const Graph& graph);
// Returns the file of its batches beside a trace file: MODULE.batches.csv.
std::filesystem::path batches_file(const std::filesystem::path& trace_file);

// Writes run.json whole. Throws RunError.
void write_run_record(const RunFolder& folder, const RunRecord& record);
// Reads it back, but for the model and the results. Throws UserError when `path` is no run folder or a newer program's,
// RunError when run.json is damaged.
RunRecord read_run_record(const RunFolder& folder);

// Writes model.yaml. Throws RunError.
void write_run_model(const RunFolder& folder, const DocNode& model);

// A run folder is one process's at a time: while this lives, the folder is ours. Throws RunError when it is another's.
class RunLock {
 public:
  explicit RunLock(const RunFolder& folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int fd_;
};

}  // namespace cleave
