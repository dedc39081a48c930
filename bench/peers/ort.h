// ONNX Runtime, bound when the program runs: its library is looked for, never needed to build.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cleave {

// Returns the library's path: $CLEAVE_ORT, else the npm package's below `build` (see ./dev); "" when there is none.
std::string find_ort(const std::string& build);

class Ort {
 public:
  // Throws std::runtime_error when the library cannot be loaded or does not speak version 10 of the interface.
  explicit Ort(const std::string& library);
  const std::string& version() const { return version_; }

 private:
  friend class OrtSession;
  // Throws what the library says of a call that failed.
  void check(void* status) const;
  template <class Function>
  Function entry(int index) const {
    return reinterpret_cast<Function>(table_[index]);
  }

  void* const* table_ = nullptr;
  void *environment_ = nullptr, *memory_ = nullptr;
  std::string version_;
};

// A network with one input and one output, its samples bound once.
class OrtSession {
 public:
  OrtSession(const Ort& ort, const std::string& onnx_file, int threads, std::vector<std::int64_t> input_shape,
             std::vector<float> input, std::vector<std::int64_t> output_shape);
  void run();
  const std::vector<float>& output() const { return output_; }

 private:
  void* tensor(std::vector<float>& values, const std::vector<std::int64_t>& shape) const;

  const Ort& ort_;
  void *session_ = nullptr, *in_ = nullptr, *out_ = nullptr;
  std::vector<float> input_, output_;
};

}  // namespace cleave
