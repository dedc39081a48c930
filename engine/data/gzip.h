// Reading gzip files (RFC 1952) with a bound on what they may grow to.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "ops/core/file.h"

namespace cleave {

// Bytes read piece by piece, so that a packed file need not stand in memory beside what it inflates to.
struct ByteSource {
  std::int64_t size = 0;
  // Fills `to` from place `at` on and returns how many bytes there were: fewer than asked at the end.
  std::function<std::size_t(std::int64_t at, std::span<std::uint8_t> to)> read_at;

  // What is read from must outlive the source.
  ByteSource(ByteSpan bytes);
  ByteSource(const Bytes& bytes) : ByteSource(ByteSpan(bytes)) {}
  ByteSource(const OpenFile& file);
};

// Returns true when the bytes begin as a gzip file does.
bool is_gzip(ByteSpan bytes);
bool is_gzip(const ByteSource& source);

// Returns the first `count` inflated bytes, fewer when there are no more. Throws RunError beginning with `path` when
// the data is damaged before that point.
Bytes gunzip_prefix(const ByteSource& source, std::int64_t count, const std::string& path);

// Returns all the inflated bytes, the members of a file one after another, checksums checked. Throws RunError beginning
// with `path` when the file is damaged, truncated, followed by other bytes, or inflates to more than `max_bytes`.
// Memory grows with the data found, not with `max_bytes`.
Bytes gunzip(const ByteSource& source, std::int64_t max_bytes, const std::string& path);

}  // namespace cleave
