// Reading gzip files (RFC 1952) with a bound on what they may grow to.
#pragma once

#include <cstdint>
#include <string>

#include "ops/core/file.h"

namespace cleave {

// Returns true when the bytes begin as a gzip file does.
bool is_gzip(ByteSpan bytes);

// Returns the first `count` inflated bytes, fewer when there are no more. Throws RunError beginning with `path` when
// the data is damaged before that point.
Bytes gunzip_prefix(ByteSpan bytes, std::int64_t count, const std::string& path);

// Returns all the inflated bytes, the members of a file one after another, checksums checked. Throws RunError beginning
// with `path` when the file is damaged, truncated, followed by other bytes, or inflates to more than `max_bytes`.
// Memory grows with the data found, not with `max_bytes`.
Bytes gunzip(ByteSpan bytes, std::int64_t max_bytes, const std::string& path);

}  // namespace cleave
