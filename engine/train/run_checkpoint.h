// The checkpoint of a whole run: a file from which training goes on as if it had never stopped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "engine/train/module_trainer.h"

namespace cleave {

struct RunCheckpoint {
  std::string structure;  // structure_hash of the graph
  std::string data;       // which data are trained on, in words and a hash, at most kLongestData bytes
  std::uint64_t seed = 0;
  BatchPlace place;    // of the batch that the first module wants next
  double seconds = 0;  // trained so far
  std::vector<ModuleCheckpoint> modules;

  bool operator==(const RunCheckpoint&) const = default;
};
inline constexpr std::size_t kLongestData = 1024;
// One of this graph and these options with nothing in it yet.
RunCheckpoint begin_checkpoint(const Graph& graph, const TrainOptions& options);

// As the bytes of the file; deterministic.
std::vector<std::byte> to_bytes(const RunCheckpoint& checkpoint);
// Throws RunError when they are damaged, UserError when they are sound and of another version or model.
RunCheckpoint parse_run_checkpoint(std::span<const std::byte> bytes, const Graph& graph);

// Writes FOLDER/NNNNNN.ckpt (the number of its batch), whole or not at all, and removes all but the newest `keep` of
// them. Makes the folder where there is none. Returns the file. Throws RunError when the disk does not take it; the
// older ones stay then.
std::filesystem::path write_run_checkpoint(const std::filesystem::path& folder, const RunCheckpoint& checkpoint,
                                           std::int64_t keep = 2);

struct FoundCheckpoint {
  RunCheckpoint checkpoint;
  std::filesystem::path file;
  std::vector<std::string> bad;  // newer ones that could not be used, and why
};
// Reads the newest checkpoint that is sound, and renames newer ones to NNNNNN.ckpt.bad. Throws RunError when there is
// none, with the reason for each, and UserError for a newest sound one of another version or model.
FoundCheckpoint read_newest_checkpoint(const std::filesystem::path& folder, const Graph& graph);

}  // namespace cleave
