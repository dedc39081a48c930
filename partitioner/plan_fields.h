// The keys of a plan file, and their values as the reader takes them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "graphs/yaml_reader.h"
#include "partitioner/problem.h"

namespace cleave {

// Checks keys, kinds and ranges, and puts the checked values in place; mistakes go to `found`.
void check_plan_fields(DocNode& doc, Diagnostics& found);

// What is left of a value with a mistake is the fallback; the mistake is in the list.
template <class Value>
Value value_of(const DocNode& map, const char* key, Value fallback) {
  const DocNode* node = map.find(key);
  if (node == nullptr || !node->value) return fallback;
  const auto* value = std::get_if<Value>(&*node->value);
  return value == nullptr ? fallback : *value;
}
inline std::string text_of(const DocNode& map, const char* key) { return value_of<std::string>(map, key, ""); }
// "infinite" is a word, not a number.
inline double real_of(const DocNode& map, const char* key) { return value_of<double>(map, key, kInfinity); }
inline std::int64_t bytes_of(const DocNode& map, const char* key) {
  return static_cast<std::int64_t>(value_of<double>(map, key, 0));
}
inline Figure figure_of(const DocNode& map, const char* key) {
  return {real_of(map, key), value_of<bool>(map, "estimate", false)};
}
inline SourcePos place_of(const DocNode& map, const char* key) {
  const DocNode* node = map.find(key);
  return node == nullptr ? map.pos : node->pos;
}
inline std::span<const DocNode> items_of(const DocNode& map, const char* key) {
  const DocNode* list = map.find(key);
  if (list == nullptr) return {};
  if (list->is_scalar()) return {list, 1};
  return list->items;
}

}  // namespace cleave
