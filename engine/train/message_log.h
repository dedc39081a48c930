// The message log of a run: which batch each module took, how many steps it did on it, and under which number it sent
// on what it made of it. With the seed and the data this is all that an asynchronous run owes to time: `replay` repeats
// the run from it, bit for bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/train/train.h"

namespace cleave {

// A batch that a module took and learnt.
struct TakenBatch {
  std::int64_t number = 0;  // as it came
  std::int64_t sent = 0;    // as it went on
  std::int64_t epoch = 0, batch = 0;
  std::int64_t steps = 0;
  double loss = 0;  // reduced, after the steps

  bool operator==(const TakenBatch&) const = default;
};

// By module, in the order they were taken.
struct MessageLog {
  std::vector<std::vector<TakenBatch>> modules;
  // Modules whose successor learnt what they sent before they were begun anew from a checkpoint: what was sent then
  // cannot be made again.
  std::vector<bool> broken;
};

// Appends to messages.log: one CSV line a batch, on the disk's side at once. Not thread safe.
class MessageLogWriter {
 public:
  // Throws RunError when the file cannot be written.
  explicit MessageLogWriter(const std::filesystem::path& path);
  // Throws RunError when the disk does not take it.
  void write(const BatchProgress& progress);

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

// Reads a log of `modules` modules. A module that was begun anew counts its batches from there: later lines take the
// place of earlier ones with the same or a higher count. An unfinished last line is left out. Throws UserError when the
// file is a newer program's or another model's, RunError when it cannot be read or is damaged.
MessageLog read_message_log(const std::filesystem::path& path, std::size_t modules);

}  // namespace cleave
