#include "partitioner/lock_text.h"

#include <algorithm>

namespace cleave {

namespace {

constexpr std::size_t kNone = std::string::npos;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Behind the quoted text that starts at `at`.
std::size_t behind_quotes(const std::string& text, std::size_t at) {
  const char quote = text[at];
  for (++at; at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') ++at;
    else if (text[at] == quote && quote == '\'' && at + 1 < text.size() && text[at + 1] == '\'') ++at;
    else if (text[at] == quote) return at + 1;
  }
  return kNone;
}

// A '#' starts a comment at the start of a line or behind a blank.
bool starts_comment(const std::string& text, std::size_t at) {
  return text[at] == '#' && (at == 0 || is_blank(text[at - 1]));
}

// A quote starts a quoted text only where a value may start.
bool starts_quotes(const std::string& text, std::size_t at) {
  if (text[at] != '"' && text[at] != '\'') return false;
  return at == 0 || is_blank(text[at - 1]) || std::string("{[,:").find(text[at - 1]) != kNone;
}

// What stands next that is neither blank nor comment.
std::size_t next_token(const std::string& text, std::size_t at) {
  while (at < text.size()) {
    if (starts_comment(text, at)) at = std::min(text.find('\n', at), text.size());
    else if (is_blank(text[at])) ++at;
    else return at;
  }
  return kNone;
}

// Behind the bracket that closes the one at `at`.
std::size_t behind_brackets(const std::string& text, std::size_t at) {
  int depth = 0;
  while (at < text.size()) {
    if (starts_comment(text, at)) {
      at = std::min(text.find('\n', at), text.size());
    } else if (starts_quotes(text, at)) {
      at = behind_quotes(text, at);
    } else {
      if (text[at] == '{' || text[at] == '[') ++depth;
      if (text[at] == '}' || text[at] == ']') --depth;
      ++at;
      if (depth == 0) return at;
    }
  }
  return kNone;
}

std::size_t behind_key(const LockText& text, const DocEntry& entry) {
  std::size_t at = text.offset(entry.key_pos);
  if (at >= text.text.size()) return kNone;
  if (text.text[at] == '"' || text.text[at] == '\'') at = behind_quotes(text.text, at);
  else if (text.text.compare(at, entry.key.size(), entry.key) == 0) at += entry.key.size();
  else return kNone;
  while (at < text.text.size() && text.text[at] == ' ') ++at;
  return at < text.text.size() && text.text[at] == ':' ? at + 1 : kNone;
}

// All lines below that are further in than the key, or start the items of a list.
std::optional<Extent> block_extent(const LockText& text, const DocEntry& entry, Extent extent) {
  const std::size_t key = text.offset(entry.key_pos);
  const std::size_t indent = key - text.line_start(key);
  extent.written = Written::block;
  extent.begin = text.line_start(extent.begin);
  if (extent.begin < extent.colon) return std::nullopt;
  for (std::size_t line = extent.begin; line < text.text.size(); line = text.text.find('\n', line) + 1) {
    const std::size_t first = std::min(text.text.find_first_not_of(' ', line), text.text.size());
    const bool blank = first == text.text.size() || text.text[first] == '#' || is_blank(text.text[first]);
    const bool item = entry.value.is_list() && first - line == indent && !blank && text.text[first] == '-';
    if (!blank && first - line <= indent && !item) break;
    if (!blank) extent.end = text.line_end(first);
    if (text.text.find('\n', line) == kNone) break;
  }
  return extent;
}

}  // namespace

LockText::LockText(std::string read) : text(std::move(read)), lines{0} {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\n') lines.push_back(i + 1);
}

std::size_t LockText::offset(const SourcePos& pos) const {
  const std::size_t line = static_cast<std::size_t>(std::max(pos.line, 1)) - 1;
  if (line >= lines.size()) return text.size();
  return std::min(text.size(), lines[line] + static_cast<std::size_t>(std::max(pos.col, 1)) - 1);
}

std::size_t LockText::line_start(std::size_t at) const {
  return *(std::upper_bound(lines.begin(), lines.end(), at) - 1);
}

std::size_t LockText::line_end(std::size_t at) const {
  std::size_t end = std::min(text.find('\n', at), text.size());
  if (end > at && end < text.size() && text[end - 1] == '\r') --end;
  return end;
}

std::optional<Extent> extent_of(const LockText& text, const DocEntry& entry) {
  Extent extent;
  extent.colon = behind_key(text, entry);
  if (extent.colon == kNone) return std::nullopt;
  std::size_t at = next_token(text.text, extent.colon);
  if (at != kNone && text.text[at] == '&') at = next_token(text.text, text.text.find_first_of(" \r\n", at));
  if (at == kNone) return std::nullopt;
  extent.begin = at;
  if (text.text[at] == '*') {
    extent.written = Written::alias;
    extent.end = std::min(text.text.find_first_of(" ,]}\r\n", at), text.text.size());
  } else if (text.text[at] == '{' || text.text[at] == '[') {
    extent.written = Written::flow;
    extent.end = behind_brackets(text.text, at);
  } else if (entry.value.is_scalar()) {
    const bool quoted = text.text[at] == '"' || text.text[at] == '\'';
    extent.end = quoted ? behind_quotes(text.text, at) : at + entry.value.scalar.size();
    if (!quoted && text.text.compare(at, entry.value.scalar.size(), entry.value.scalar) != 0) return std::nullopt;
  } else {
    return block_extent(text, entry, extent);
  }
  return extent.end == kNone ? std::nullopt : std::optional(extent);
}

std::vector<std::string> comments_in(const LockText& text, std::size_t begin, std::size_t end) {
  std::vector<std::string> comments;
  for (std::size_t at = begin; at < end;) {
    if (starts_comment(text.text, at)) {
      const std::size_t last = std::min(text.line_end(at), end);
      comments.push_back(text.text.substr(at, last - at));
      at = last;
    } else if (starts_quotes(text.text, at)) {
      at = std::max(at + 1, behind_quotes(text.text, at));
    } else {
      ++at;
    }
  }
  return comments;
}

}  // namespace cleave
