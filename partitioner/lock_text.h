// Where the entries of a map stand in the text of a YAML file, byte by byte.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "graphs/yaml_reader.h"

namespace cleave {

// How a value is written. An alias is `*NAME`; a block stands on lines of its own, further in than its key.
enum class Written : std::uint8_t { scalar, flow, block, alias };

struct Extent {
  Written written = Written::scalar;
  std::size_t colon = 0;           // just behind the key's ':'
  std::size_t begin = 0, end = 0;  // of the value; a block's is from its first line's start to its last line's end
};

// A text with its line starts.
struct LockText {
  std::string text;
  std::vector<std::size_t> lines;

  explicit LockText(std::string read);
  std::size_t offset(const SourcePos& pos) const;
  std::size_t line_start(std::size_t at) const;
  // The end of the line at `at`, its line break not included.
  std::size_t line_end(std::size_t at) const;
  // The line break the file uses.
  const char* eol() const { return text.find("\r\n") == std::string::npos ? "\n" : "\r\n"; }
};

// Returns where the value of an entry stands, nothing when it is written in a way this does not know.
std::optional<Extent> extent_of(const LockText& text, const DocEntry& entry);

// Returns the comments between two places, "# …" each.
std::vector<std::string> comments_in(const LockText& text, std::size_t begin, std::size_t end);

}  // namespace cleave
