#include "engine/cli/values_file.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ops/core/error.h"

namespace cleave {

namespace {

static_assert(std::endian::native == std::endian::little, "npy files are written as little endian");

[[noreturn]] void fail(const std::string& path) {
  throw RunError(fmt::format("{}: cannot write: {}", path, std::strerror(errno)));
}

std::string partial(const std::string& path) { return path + ".partial"; }

}  // namespace

ValuesFile::ValuesFile(std::string path, Shape shape) : path_(std::move(path)), shape_(std::move(shape)) {
  if (std::filesystem::path(path_).extension() != ".npy")
    throw UserError(fmt::format("--values {}: values are written as .npy", path_));
  file_.reset(std::fopen(partial(path_).c_str(), "wb"));
  if (file_ == nullptr) fail(path_);
  put(header().data(), header().size());
}

ValuesFile::~ValuesFile() {
  if (file_ == nullptr) return;  // finished
  file_.reset();
  std::remove(partial(path_).c_str());
}

// As long whatever the count, so that it can be filled in at the end.
std::string ValuesFile::header() const {
  constexpr std::size_t kBytes = 192;
  std::string text =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", count_, fmt::join(shape_, ", "));
  text.resize(kBytes - 11, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size());
  header += '\0';
  return header + text;
}

void ValuesFile::put(const void* bytes, std::size_t count) {
  if (std::fwrite(bytes, 1, count, file_.get()) != count) fail(path_);
}

void ValuesFile::write(std::span<const float> values) {
  const std::int64_t pixels = pixels_of(shape_);
  const std::int64_t channels = channels_of(shape_);
  std::vector<float> ordered(values.begin(), values.end());  // channel, row, column
  for (std::int64_t i = 0; i < pixels * channels; ++i)
    ordered[static_cast<std::size_t>(i)] = values[static_cast<std::size_t>(i % pixels * channels + i / pixels)];
  put(ordered.data(), ordered.size() * sizeof(float));
  ++count_;
}

void ValuesFile::finish() {
  if (std::fseek(file_.get(), 0, SEEK_SET) != 0) fail(path_);
  put(header().data(), header().size());
  if (std::fflush(file_.get()) != 0) fail(path_);
  file_.reset();
  if (std::rename(partial(path_).c_str(), path_.c_str()) != 0) fail(path_);
}

}  // namespace cleave
