// What a network gives for each sample, as an npy file.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>

#include "ops/core/tensor.h"

namespace cleave {

// Writes samples of one shape as they come: npy version 1, '<f4', [samples, N] or [samples, C, H, W]. The file appears
// under its name when `finish` has returned; until then it is PATH.partial, and is deleted with the writer. Not thread
// safe.
class ValuesFile {
 public:
  // Throws UserError for another ending than .npy, RunError when the file cannot be made.
  ValuesFile(std::string path, Shape shape);
  ~ValuesFile();
  ValuesFile(const ValuesFile&) = delete;
  ValuesFile& operator=(const ValuesFile&) = delete;

  // Adds a sample as it stands in memory: channels innermost. These throw RunError when it cannot be written.
  void write(std::span<const float> values);
  void finish();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string header() const;
  void put(const void* bytes, std::size_t count);

  std::string path_;
  Shape shape_;
  std::int64_t count_ = 0;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace cleave
