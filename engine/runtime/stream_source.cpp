#include "engine/runtime/stream_source.h"

#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "ops/core/error.h"

namespace cleave {

namespace {

static_assert(std::endian::native == std::endian::little, "floats are read as they stand in the file");

struct NpyHeader {
  bool bytes = false;
  Shape shape;
};

// Reads until `bytes` is full or the stream ends; returns how many.
std::size_t read_fully(std::FILE* file, const std::string& name, unsigned char* bytes, std::size_t count) {
  std::size_t done = 0;
  while (done < count) {
    errno = 0;
    done += std::fread(bytes + done, 1, count - done, file);
    if (done == count || std::feof(file) != 0) break;
    if (errno != EINTR) throw RunError(fmt::format("{}: cannot read: {}", name, std::strerror(errno)));
    std::clearerr(file);
  }
  return done;
}

// Returns what stands behind `key` in the header's dictionary, blanks skipped.
std::optional<std::string_view> value_of(std::string_view header, std::string_view key) {
  std::size_t at = header.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  at = header.find(':', at);
  if (at == std::string_view::npos) return std::nullopt;
  at = header.find_first_not_of(" :", at);
  return at == std::string_view::npos ? std::nullopt : std::optional(header.substr(at));
}

// Reads "(60000, 28, 28)". Nothing when it is not that or a size does not fit into 64 bits.
std::optional<Shape> read_shape(std::string_view text) {
  constexpr std::size_t kMostSizes = 32;  // as numpy
  if (text.empty() || text.front() != '(') return std::nullopt;
  Shape shape;
  const char* at = text.data() + 1;
  const char* end = text.data() + text.size();
  for (;;) {
    while (at < end && (*at == ' ' || *at == ',')) ++at;
    if (at == end || shape.size() > kMostSizes) return std::nullopt;
    if (*at == ')') return shape;
    std::int64_t size = 0;
    const auto [rest, error] = std::from_chars(at, end, size);
    if (error != std::errc() || size < 0) return std::nullopt;
    shape.push_back(size);
    at = rest;
  }
}

std::string read_header_text(std::FILE* file, const std::string& name) {
  constexpr std::size_t kLongest = 64 * 1024;
  const UserError not_npy(
      fmt::format("{}: not an npy file: it begins with \\x93NUMPY, a version (1 or 2) and a header", name));
  std::array<unsigned char, 12> start{};
  if (read_fully(file, name, start.data(), 8) != 8) throw not_npy;
  const int version = start[6];
  if (std::memcmp(start.data(), "\x93NUMPY", 6) != 0 || version < 1 || version > 2) throw not_npy;
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  if (read_fully(file, name, start.data() + 8, length_bytes) != length_bytes) throw not_npy;
  std::size_t length = 0;
  for (std::size_t i = length_bytes; i-- > 0;) length = length << 8 | start[8 + i];
  if (length > kLongest) throw UserError(fmt::format("{}: npy header of {} bytes, at most {}", name, length, kLongest));
  std::string text(length, ' ');
  if (read_fully(file, name, reinterpret_cast<unsigned char*>(text.data()), length) != length) throw not_npy;
  return text;
}

NpyHeader read_npy_header(std::FILE* file, const std::string& name) {
  const std::string text = read_header_text(file, name);
  const std::optional<std::string_view> type = value_of(text, "'descr'");
  const std::optional<std::string_view> order = value_of(text, "'fortran_order'");
  const std::optional<std::string_view> sizes = value_of(text, "'shape'");
  if (!type || !order || !sizes)
    throw UserError(fmt::format("{}: npy header without descr, fortran_order or shape", name));
  NpyHeader header;
  const bool is_f32 = type->starts_with("'<f4'");
  header.bytes = type->starts_with("'|u1'") || type->starts_with("'u1'");
  if (!is_f32 && !header.bytes)
    throw UserError(fmt::format("{}: npy values of type {}; write '|u1' (uint8) or '<f4' (float32)", name,
                                type->substr(0, type->find(','))));
  if (!order->starts_with("False"))
    throw UserError(fmt::format("{}: npy array in Fortran order; save numpy.ascontiguousarray(a)", name));
  const std::optional<Shape> shape = read_shape(*sizes);
  if (!shape) throw UserError(fmt::format("{}: npy header with a shape that is not a list of sizes", name));
  header.shape = *shape;
  return header;
}

// Whether an array of `shape` holds samples: (N, …sample), (N, values), or (N, H, W) for images of one channel.
bool holds_samples(const Shape& shape, const Shape& sample) {
  if (shape.size() < 2) return false;
  const Shape inner(shape.begin() + 1, shape.end());
  if (inner == sample || inner == Shape{element_count(sample)}) return true;
  return is_image(sample) && sample[0] == 1 && inner == Shape{sample[1], sample[2]};
}

}  // namespace

SampleStream::SampleStream(std::FILE* file, std::string name, StreamFormat format, Shape sample)
    : file_(file), name_(std::move(name)), sample_(std::move(sample)), bytes_(format == StreamFormat::raw_u8) {
  if (format == StreamFormat::npy) {
    const NpyHeader header = read_npy_header(file_, name_);
    if (!holds_samples(header.shape, sample_))
      throw UserError(fmt::format("{}: npy array of {}, the model's input needs Nx{}", name_, to_text(header.shape),
                                  to_text(sample_)));
    bytes_ = header.bytes;
    promised_ = header.shape.front();
  }
  buffer_.resize(static_cast<std::size_t>(element_count(sample_)) * (bytes_ ? 1 : sizeof(float)));
}

bool SampleStream::read_sample(float* sample) {
  if (read_ == promised_) return false;
  const std::size_t got = read_fully(file_, name_, buffer_.data(), buffer_.size());
  if (got == 0 && promised_ < 0) return false;
  if (got == 0) throw RunError(fmt::format("{}: ends after {} of {} samples", name_, read_, promised_));
  if (got < buffer_.size())
    throw RunError(fmt::format("{}: ends within sample {}: {} of {} bytes", name_, read_, got, buffer_.size()));
  const std::int64_t channels = channels_of(sample_);
  const std::int64_t pixels = pixels_of(sample_);
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t p = 0; p < pixels; ++p) {
      const auto i = static_cast<std::size_t>(c * pixels + p);
      float value = static_cast<float>(buffer_[bytes_ ? i : 0]) / 255;
      if (!bytes_) std::memcpy(&value, buffer_.data() + i * sizeof(float), sizeof(float));
      sample[p * channels + c] = value;
    }
  ++read_;
  return true;
}

std::int64_t SampleStream::read(const TensorView& input) {
  std::int64_t count = 0;
  while (count < input.batch && read_sample(input.sample(count))) ++count;
  return count;
}

}  // namespace cleave
