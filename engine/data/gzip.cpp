#include "engine/data/gzip.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <zlib.h>

#include "ops/core/error.h"

namespace cleave {

namespace {

constexpr int kGzipOnly = 15 + 16;  // zlib's largest window, gzip framing
// Deflate cannot shrink by more (RFC 1951: 258 bytes by 2 bits at best), so this many bytes are worth setting aside.
constexpr std::size_t kMostGrowth = 1032;

constexpr std::size_t kPiece = std::size_t{64} << 10;  // bytes read at a time

// One inflating run over a file of one or more members.
class Inflater {
 public:
  Inflater(const ByteSource& source, const std::string& path) : source_(source), path_(path), piece_(kPiece) {
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) throw RunError(fmt::format("{}: no memory to inflate", path_));
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Fills `to` as far as the data goes; returns the bytes written, fewer than asked only at the end of the file.
  std::size_t read(std::span<std::uint8_t> to) {
    std::size_t done = 0;
    while (done < to.size() && !ended_) done += step(to.subspan(done));
    return done;
  }

 private:
  // zlib counts in 32 bits.
  static uInt chunk(std::size_t size) {
    return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
  }

  // Has the next bytes, at least `count` of them, stand in `left_`; fewer only at the end of the file.
  void have(std::size_t count) {
    if (left_.size() >= count) return;
    std::copy(left_.begin(), left_.end(), piece_.begin());
    const std::size_t got = source_.read_at(at_, std::span(piece_).subspan(left_.size()));
    at_ += static_cast<std::int64_t>(got);
    left_ = ByteSpan(piece_).first(left_.size() + got);
  }

  std::size_t step(std::span<std::uint8_t> to) {
    have(1);
    const uInt in = chunk(left_.size());
    const uInt out = chunk(to.size());
    stream_.next_in = const_cast<Bytef*>(left_.data());  // zlib's interface is older than const
    stream_.avail_in = in;
    stream_.next_out = to.data();
    stream_.avail_out = out;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    const bool starved = in == 0 && stream_.avail_out == out;
    left_ = left_.subspan(in - stream_.avail_in);
    const std::size_t written = out - stream_.avail_out;
    if (result == Z_STREAM_END) next_member();
    else if (result == Z_BUF_ERROR || (result == Z_OK && starved))
      throw RunError(fmt::format("{}: the gzip data is truncated", path_));
    else if (result != Z_OK)
      throw RunError(fmt::format("{}: the gzip data is damaged ({})", path_, stream_.msg ? stream_.msg : "no memory"));
    return written;
  }

  void next_member() {
    have(2);
    ended_ = left_.empty();
    if (ended_) return;
    if (!is_gzip(left_)) {
      const std::int64_t rest = source_.size - at_ + static_cast<std::int64_t>(left_.size());
      throw RunError(fmt::format("{}: {} bytes follow the gzip data", path_, rest));
    }
    inflateReset(&stream_);
  }

  z_stream stream_{};
  const ByteSource& source_;
  const std::string& path_;
  Bytes piece_;
  ByteSpan left_;        // of the piece: read, but not inflated
  std::int64_t at_ = 0;  // of the next piece
  bool ended_ = false;
};

}  // namespace

ByteSource::ByteSource(ByteSpan bytes)
    : size(static_cast<std::int64_t>(bytes.size())), read_at([bytes](std::int64_t at, std::span<std::uint8_t> to) {
        const ByteSpan rest = bytes.subspan(static_cast<std::size_t>(at));
        const std::size_t count = std::min(rest.size(), to.size());
        std::copy_n(rest.begin(), count, to.begin());
        return count;
      }) {}

ByteSource::ByteSource(const OpenFile& file)
    : size(file.size()),
      read_at([&file](std::int64_t at, std::span<std::uint8_t> to) { return file.read_at(at, to); }) {}

bool is_gzip(ByteSpan bytes) { return bytes.size() >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B; }

bool is_gzip(const ByteSource& source) {
  Bytes start(2);
  start.resize(source.read_at(0, start));
  return is_gzip(ByteSpan(start));
}

Bytes gunzip_prefix(const ByteSource& source, std::int64_t count, const std::string& path) {
  Inflater inflater(source, path);
  Bytes prefix(static_cast<std::size_t>(count));
  prefix.resize(inflater.read(prefix));
  return prefix;
}

Bytes gunzip(const ByteSource& source, std::int64_t max_bytes, const std::string& path) {
  Inflater inflater(source, path);
  const auto most = static_cast<std::size_t>(max_bytes);
  Bytes all;
  // One byte more than allowed is asked for: it tells a full file from one that goes on.
  std::size_t wanted =
      std::min(most + 1, static_cast<std::size_t>(std::max<std::int64_t>(1, source.size)) * kMostGrowth);
  wanted = std::min<std::size_t>(wanted, std::size_t{64} << 20);
  while (true) {
    const std::size_t before = all.size();
    all.resize(wanted);
    const std::size_t got = inflater.read(std::span(all).subspan(before));
    all.resize(before + got);
    if (all.size() > most) throw RunError(fmt::format("{}: inflates to more than {} bytes", path, max_bytes));
    if (all.size() < wanted) return all;
    wanted = std::min(most + 1, 2 * wanted);
  }
}

}  // namespace cleave
