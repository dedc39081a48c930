// Samples from a stream: standard input, a pipe or a file.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "ops/core/tensor.h"

namespace cleave {

enum class StreamFormat : std::uint8_t {
  raw_u8,   // samples one after the other, channels outermost (C, H, W), no header
  raw_f32,  // the same, little endian
  npy,      // versions 1 and 2, u1 or <f4 in C order, shape (N, …sample) or (N, values of a sample)
};

// Reads samples of one shape. Bytes become value/255, floats stay as they are: the input's scaling is the caller's.
// Memory: one sample. Not thread safe.
class SampleStream {
 public:
  // Reads from `file`, which must outlive the stream and is called `name` in messages. An npy header is read at once:
  // throws UserError when it is not one or its type or shape does not fit `sample`, saying what would.
  SampleStream(std::FILE* file, std::string name, StreamFormat format, Shape sample);

  // Fills up to `input.batch` samples in the inference layout and returns how many; 0 = the end. Throws RunError when
  // the stream cannot be read or ends within a sample, or before the samples that the npy header promises.
  std::int64_t read(const TensorView& input);

 private:
  bool read_sample(float* sample);

  std::FILE* file_;
  std::string name_;
  Shape sample_;
  bool bytes_ = false;          // u8, else f32
  std::int64_t promised_ = -1;  // samples, by the npy header
  std::int64_t read_ = 0;       // samples so far
  std::vector<unsigned char> buffer_;
};

}  // namespace cleave
