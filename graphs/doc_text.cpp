#include "graphs/doc_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "graphs/scalars.h"
#include "graphs/schema.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kFlowWidth = 100;

std::string origin_of(const DocNode& node) {
  if (!node.origin.empty()) return node.origin;
  return fmt::format("{}:{}:{}", node.pos.file, node.pos.line, node.pos.col);
}

// Plain, that is read back as the same text: neither null nor with a meaning of YAML's own.
bool is_plain(const std::string& text) {
  for (const char* null : {"~", "null", "Null", "NULL", "<<"})
    if (text == null) return false;
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  if (std::string("&*!|>%@`\"'#-?:,[]{}").find(text.front()) != std::string::npos && text.size() > 1 &&
      (text.front() != '-' || text[1] == ' '))
    return false;
  return text.find(": ") == std::string::npos && text.find(" #") == std::string::npos &&
         text.find_first_of("{}[],\n\"") == std::string::npos;
}

std::string scalar_text(const DocNode& node) {
  if (!node.quoted && is_plain(node.scalar)) return node.scalar;
  return Json(node.scalar).dump();  // a JSON string is a YAML string
}

bool is_simple(const DocNode& node) {
  for (const DocNode& item : node.items)
    if (!item.is_scalar()) return false;
  return !node.is_map();
}

std::string flow_text(const DocNode& node) {
  if (node.is_scalar()) return scalar_text(node);
  if (node.is_null()) return "null";
  std::string text;
  for (const DocNode& item : node.items) text += fmt::format("{}{}", text.empty() ? "" : ", ", flow_text(item));
  for (const DocEntry& entry : node.entries) {
    const bool bare = entry.value.is_map() && entry.value.entries.empty();
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", entry.key, bare ? "{}" : flow_text(entry.value));
  }
  return node.is_list() ? fmt::format("[{}]", text) : fmt::format("{{{}}}", text);
}

class Writer {
 public:
  explicit Writer(bool origin) : origin_(origin) {}

  void map(const DocNode& node, const std::string& indent) {
    for (const DocEntry& entry : node.entries) {
      // Anchors and includes: already put where they are used.
      if (indent.empty() && (is_free_key(entry.key) || entry.key == "include")) continue;
      value(entry.value, indent + entry.key + ":", indent);
    }
  }

  std::string text;

 private:
  void value(const DocNode& node, const std::string& lead, const std::string& indent) {
    const std::string flow = flow_text(node);
    const bool fits = lead.size() + flow.size() < kFlowWidth;
    if (is_simple(node) || (node.is_map() && node.entries.empty()) || (!origin_ && fits && depth_ok(node))) {
      line(fmt::format("{} {}", lead, node.is_map() && node.entries.empty() ? "{}" : flow), node);
      return;
    }
    text += lead + "\n";
    if (node.is_map()) return map(node, indent + "  ");
    for (const DocNode& item : node.items) list_item(item, indent + "  ");
  }

  // Only maps that end in scalars are worth one line.
  static bool depth_ok(const DocNode& node) {
    for (const DocEntry& entry : node.entries)
      if (!is_simple(entry.value) && !(entry.value.is_map() && entry.value.entries.empty())) return false;
    return node.is_map();
  }

  void list_item(const DocNode& node, const std::string& indent) {
    if (!node.is_map() || node.entries.empty()) {
      line(fmt::format("{}- {}", indent, flow_text(node)), node);
      return;
    }
    const std::size_t start = text.size();
    map(node, indent + "  ");
    text[start + indent.size()] = '-';
  }

  void line(const std::string& content, const DocNode& node) {
    text += content;
    if (origin_)
      text += fmt::format("{}# {}", std::string(content.size() < 48 ? 48 - content.size() : 2, ' '), origin_of(node));
    text += "\n";
  }

  bool origin_;
};

Json scalar_json(const DocNode& node) {
  if (node.value) return std::visit([](const auto& value) { return Json(value); }, *node.value);
  if (node.quoted) return node.scalar;
  FieldDef field{"", Kind::integer, ""};
  for (const Kind kind : {Kind::integer, Kind::real, Kind::boolean}) {
    field.kind = kind;
    const ScalarResult result = read_scalar(node.scalar, false, field, "");
    if (const auto* value = std::get_if<ParamValue>(&result))
      return std::visit([](const auto& number) { return Json(number); }, *value);
  }
  return node.scalar;
}

Json to_json(const DocNode& node) {
  if (node.is_null()) return nullptr;
  if (node.is_scalar()) return scalar_json(node);
  if (node.is_list()) {
    Json list = Json::array();
    for (const DocNode& item : node.items) list.push_back(to_json(item));
    return list;
  }
  Json map = Json::object();
  for (const DocEntry& entry : node.entries) map[entry.key] = to_json(entry.value);
  return map;
}

}  // namespace

std::string doc_to_yaml(const DocNode& doc, bool origin) {
  Writer writer(origin);
  writer.map(doc, "");
  return writer.text;
}

std::string doc_to_json(const DocNode& doc) { return to_json(doc).dump(2) + "\n"; }

}  // namespace cleave
