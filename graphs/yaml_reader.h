// YAML text -> DocNode tree, bounded before a tree is built, every value with its own place. The only door to yaml-cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graphs/source.h"
#include "ops/core/params.h"

namespace cleave {

// Limits of one document (language.md, rule 9).
inline constexpr int kMaxDepth = 32;
inline constexpr std::int64_t kMaxNodes = 40'000;  // aliases expanded
inline constexpr std::size_t kMaxNameLength = 128;
inline constexpr std::size_t kMaxScalarBytes = 4096;

struct DocEntry;

// A value of a document. Aliases are expanded and `<<` merged; what came from elsewhere keeps its own place.
struct DocNode {
  enum class Type : std::uint8_t { null, scalar, list, map };
  Type type = Type::null;
  SourcePos pos;
  std::string scalar;
  bool quoted = false;
  std::vector<DocNode> items;       // list
  std::vector<DocEntry> entries;    // map, in file order
  std::optional<ParamValue> value;  // a scalar or list of scalars as checked against the language
  std::string origin;               // "default", "preset as_published"; empty = read at `pos`
  bool broken = false;              // a layer with a mistake, a map with an unknown key: later checks leave it alone

  bool is_scalar() const { return type == Type::scalar; }
  bool is_list() const { return type == Type::list; }
  bool is_map() const { return type == Type::map; }
  bool is_null() const { return type == Type::null; }
  // Returns the value under `key`, or null.
  const DocNode* find(std::string_view key) const;
  DocNode* find(std::string_view key);
};

struct DocEntry {
  std::string key;
  SourcePos key_pos;
  DocNode value;
  bool merged = false;  // came in by `<<`
};

// Parses one document. `file` must have been added to the sources of `found`. Mistakes that leave a document (duplicate
// keys, of which the first counts, and bad merges) are added to `found`. Others are thrown as ModelError together with
// those found before: text that is not UTF-8, control characters, YAML syntax, tags, a second document, a limit
// exceeded.
DocNode parse_yaml(const std::string& file, const std::string& text, Diagnostics& found);

}  // namespace cleave
