// Files: bounded reading, read-only mapping, and writing that leaves either the old file or the whole new one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cleave {

using Bytes = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;

// Returns the bytes of a regular file of at most `max_bytes`. Throws RunError with path and reason: missing, a folder,
// no permission, longer than allowed.
Bytes read_file(const std::string& path, std::int64_t max_bytes);

// Returns true when `path` is a regular file (links are followed) or a folder. Never throws.
bool is_file(const std::string& path);
bool is_folder(const std::string& path);
// Returns the size of a regular file, 0 when there is none. Never throws.
std::int64_t file_bytes(const std::string& path);

// Replaces the file at `path` by the concatenated pieces: written beside it, synced, then renamed, so a full disk or a
// lost power supply leaves the old file. Throws RunError with path and reason.
void write_file_atomically(const std::string& path, std::span<const ByteSpan> pieces);
void write_file_atomically(const std::string& path, ByteSpan bytes);

// A regular file mapped for reading; the mapping lives as long as the object. Somebody shortening the file meanwhile
// ends the program (SIGBUS), as with every mapping: map files that are replaced, not rewritten.
class MappedFile {
 public:
  // Throws RunError with path and reason, as read_file.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  ByteSpan bytes() const { return bytes_; }
  // Gives the memory of the whole pages within `part` back; they are read again from the file when touched again.
  void forget(ByteSpan part) const;

 private:
  ByteSpan bytes_;
};

// A regular file open for reading piece by piece, for those too large to hold or map at once.
class OpenFile {
 public:
  // Throws RunError with path and reason, as read_file.
  explicit OpenFile(const std::string& path);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  std::int64_t size() const { return size_; }
  // Fills `to` with the bytes from place `at` on; returns how many, fewer than asked only at the end of the file.
  // Throws RunError with path and reason.
  std::size_t read_at(std::int64_t at, std::span<std::uint8_t> to) const;

 private:
  std::string path_;
  int fd_;
  std::int64_t size_;
};

// Returns `text` fit for a message: control characters and non-ASCII bytes as \xNN, cut after 128 characters. For names
// that come out of files.
std::string printable(const std::string& text);

}  // namespace cleave
