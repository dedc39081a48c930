// The C interface is one table of functions whose order never changes (onnxruntime_c_api.h, struct OrtApi), so a place
// in it is all that is needed. Whatever is made here lives as long as the process.
#include "bench/peers/ort.h"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <dlfcn.h>

namespace cleave {

namespace {

constexpr std::uint32_t kApiVersion = 10;
constexpr int kErrorMessage = 2, kCreateEnv = 3, kCreateSession = 7, kRun = 9, kCreateSessionOptions = 10,
              kSetOptimization = 23, kSetIntraThreads = 24, kSetInterThreads = 25, kCreateTensor = 49, kCpuMemory = 69;
constexpr int kWarning = 2, kAllOptimizations = 99, kFloat = 1;

struct ApiBase {
  void* const* (*get_api)(std::uint32_t version);
  const char* (*version)();
};

}  // namespace

std::string find_ort(const std::string& build) {
  if (const char* path = std::getenv("CLEAVE_ORT")) return path;
  const std::string folder = build + "/peers/node_modules/onnxruntime-node/bin/napi-v3/linux/x64";
  std::error_code none;
  for (const std::filesystem::directory_entry& file : std::filesystem::directory_iterator(folder, none))
    if (file.path().filename().string().starts_with("libonnxruntime.so.")) return file.path();
  return "";
}

Ort::Ort(const std::string& library) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw std::runtime_error(dlerror());
  const auto get = reinterpret_cast<const ApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
  if (get == nullptr) throw std::runtime_error(library + " is no ONNX Runtime");
  version_ = get()->version();
  table_ = get()->get_api(kApiVersion);
  if (table_ == nullptr) throw std::runtime_error("ONNX Runtime " + version_ + " is too old");
  check(entry<void* (*)(int, const char*, void**)>(kCreateEnv)(kWarning, "cleave", &environment_));
  check(entry<void* (*)(int, int, void**)>(kCpuMemory)(0, 0, &memory_));
}

void Ort::check(void* status) const {
  if (status != nullptr)
    throw std::runtime_error(std::string("ONNX Runtime: ") + entry<const char* (*)(void*)>(kErrorMessage)(status));
}

OrtSession::OrtSession(const Ort& ort, const std::string& onnx_file, int threads, std::vector<std::int64_t> input_shape,
                       std::vector<float> input, std::vector<std::int64_t> output_shape)
    : ort_(ort), input_(std::move(input)) {
  std::int64_t outputs = 1;
  for (const std::int64_t n : output_shape) outputs *= n;
  output_.resize(static_cast<std::size_t>(outputs));
  void* options = nullptr;
  ort.check(ort.entry<void* (*)(void**)>(kCreateSessionOptions)(&options));
  ort.check(ort.entry<void* (*)(void*, int)>(kSetIntraThreads)(options, threads));
  ort.check(ort.entry<void* (*)(void*, int)>(kSetInterThreads)(options, 1));
  ort.check(ort.entry<void* (*)(void*, int)>(kSetOptimization)(options, kAllOptimizations));
  ort.check(ort.entry<void* (*)(void*, const char*, void*, void**)>(kCreateSession)(ort.environment_, onnx_file.c_str(),
                                                                                    options, &session_));
  in_ = tensor(input_, input_shape);
  out_ = tensor(output_, output_shape);
}

void* OrtSession::tensor(std::vector<float>& values, const std::vector<std::int64_t>& shape) const {
  using Create = void* (*)(void*, void*, std::size_t, const std::int64_t*, std::size_t, int, void**);
  void* made = nullptr;
  ort_.check(ort_.entry<Create>(kCreateTensor)(ort_.memory_, values.data(), 4 * values.size(), shape.data(),
                                               shape.size(), kFloat, &made));
  return made;
}

void OrtSession::run() {
  using Run = void* (*)(void*, void*, const char* const*, const void* const*, std::size_t, const char* const*,
                        std::size_t, void**);
  const char *input = "input", *output = "output";
  ort_.check(ort_.entry<Run>(kRun)(session_, nullptr, &input, &in_, 1, &output, 1, &out_));
}

}  // namespace cleave
