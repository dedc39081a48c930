// Predictions: what the network answered for each sample, and the files they are written to.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

namespace cleave {

// The answer for one sample.
struct Prediction {
  std::int64_t sample = 0;  // counts from 0 in the order of the source
  std::int32_t label = -1;  // the right class; -1 = not known
  std::int32_t answer = 0;  // the class with the largest probability
  float probability = 0;    // that the head gave it
  std::int32_t module = 0;  // whose head answered; counts from 0

  bool operator==(const Prediction&) const = default;
};

enum class PredictionFormat : std::uint8_t { csv, npy };

// Returns the format by the file's ending, .csv or .npy. Throws UserError for another one.
PredictionFormat prediction_format(const std::string& path);

// What stands in a CSV file of predictions, line by line, each with its end.
std::string csv_header();
std::string csv_line(const Prediction& prediction);

// Writes predictions as they come. CSV: a header line, then `sample,label,class,probability,module`, the label empty
// when not known. npy: version 1, one dimension, records of the same fields ('<i8', '<i4', '<i4', '<f4', '<i4').
// The file appears under its name only when `finish` has returned; until then it is PATH.partial, and is deleted with
// the writer. A pipe or a device is written directly, CSV only. Not thread safe.
class PredictionWriter {
 public:
  // Throws RunError when the file cannot be made, UserError for npy on something that is not a file.
  PredictionWriter(std::string path, PredictionFormat format);
  ~PredictionWriter();
  PredictionWriter(const PredictionWriter&) = delete;
  PredictionWriter& operator=(const PredictionWriter&) = delete;

  // These throw RunError when the disk is full or the file cannot be written or renamed.
  void write(const Prediction& prediction);
  void finish();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void put(const std::string& bytes);

  std::string path_, written_path_;
  PredictionFormat format_;
  std::int64_t count_ = 0;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace cleave
