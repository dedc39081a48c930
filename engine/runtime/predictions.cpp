#include "engine/runtime/predictions.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "ops/core/error.h"

namespace cleave {

namespace {

static_assert(std::endian::native == std::endian::little, "npy files are written as little endian");

constexpr std::size_t kHeaderBytes = 256;  // fixed, so that the count can be filled in at the end
constexpr std::size_t kHeaderPrefix = 10;  // magic, version, length

std::string npy_header(std::int64_t count) {
  std::string text = fmt::format(
      "{{'descr': [('sample', '<i8'), ('label', '<i4'), ('class', '<i4'), ('probability', '<f4'), ('module', '<i4')], "
      "'fortran_order': False, 'shape': ({},), }}",
      count);
  text.resize(kHeaderBytes - kHeaderPrefix - 1, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

template <class T>
void append(std::string& bytes, const T& value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof(T));
  std::memcpy(bytes.data() + at, &value, sizeof(T));
}

std::string npy_record(const Prediction& p) {
  std::string bytes;
  append(bytes, p.sample);
  append(bytes, p.label);
  append(bytes, p.answer);
  append(bytes, p.probability);
  append(bytes, p.module);
  return bytes;
}

[[noreturn]] void fail(const std::string& path) {
  throw RunError(fmt::format("{}: cannot write: {}", path, std::strerror(errno)));
}

}  // namespace

std::string csv_header() { return "sample,label,class,probability,module\n"; }

std::string csv_line(const Prediction& p) {
  const std::string label = p.label < 0 ? "" : fmt::format("{}", p.label);
  return fmt::format("{},{},{},{:.6g},{}\n", p.sample, label, p.answer, p.probability, p.module);
}

PredictionFormat prediction_format(const std::string& path) {
  const std::string ending = std::filesystem::path(path).extension().string();
  if (ending == ".csv") return PredictionFormat::csv;
  if (ending == ".npy") return PredictionFormat::npy;
  throw UserError(fmt::format("{}: predictions are written as .csv or .npy, not as '{}'", path, ending));
}

PredictionWriter::PredictionWriter(std::string path, PredictionFormat format)
    : path_(std::move(path)), written_path_(path_ + ".partial"), format_(format) {
  std::error_code unknown;
  if (std::filesystem::is_directory(path_, unknown)) throw RunError(fmt::format("{}: is a directory", path_));
  if (std::filesystem::is_other(path_, unknown)) {
    if (format == PredictionFormat::npy) throw UserError(fmt::format("{}: npy needs a file, write csv", path_));
    written_path_ = path_;
  }
  file_.reset(std::fopen(written_path_.c_str(), "wb"));
  if (file_ == nullptr) fail(path_);
  put(format == PredictionFormat::csv ? csv_header() : npy_header(0));
}

PredictionWriter::~PredictionWriter() {
  if (file_ == nullptr) return;  // finished
  file_.reset();
  if (written_path_ != path_) std::remove(written_path_.c_str());
}

void PredictionWriter::put(const std::string& bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) fail(path_);
}

void PredictionWriter::write(const Prediction& prediction) {
  put(format_ == PredictionFormat::csv ? csv_line(prediction) : npy_record(prediction));
  ++count_;
}

void PredictionWriter::finish() {
  if (format_ == PredictionFormat::npy) {
    if (std::fseek(file_.get(), 0, SEEK_SET) != 0) fail(path_);
    put(npy_header(count_));
  }
  if (std::fflush(file_.get()) != 0) fail(path_);
  file_.reset();
  if (written_path_ == path_ || std::rename(written_path_.c_str(), path_.c_str()) == 0) return;
  const int reason = errno;
  std::remove(written_path_.c_str());
  errno = reason;
  fail(path_);
}

}  // namespace cleave
